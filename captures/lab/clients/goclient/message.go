package main

import (
	"encoding/binary"
	"strings"
)

// query is a DNS question of class IN with RD set and no EDNS.
func query(id uint16, name string, qtype uint16) []byte {
	message := make([]byte, 12, 64)
	binary.BigEndian.PutUint16(message, id)
	message[2] = 1 // RD
	message[5] = 1 // one question
	for _, label := range strings.Split(strings.TrimSuffix(name, "."), ".") {
		message = append(message, byte(len(label)))
		message = append(message, label...)
	}
	message = append(message, 0)
	message = binary.BigEndian.AppendUint16(message, qtype)
	return binary.BigEndian.AppendUint16(message, 1)
}
