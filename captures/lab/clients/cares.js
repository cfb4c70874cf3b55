// c-ares, as Node's dns.resolve4 uses it: one Resolver, so one channel, for all questions.
//
//   node cares.js COUNT INTERVAL_MS NAME...
//
// A question is asked every INTERVAL_MS whether or not the one before was answered. Output as lookup.c.
'use strict'
const { Resolver } = require('dns')
const fs = require('fs')

const [count, interval, ...names] = process.argv.slice(2)
const resolver = new Resolver()
resolver.setServers(fs.readFileSync('/etc/resolv.conf', 'utf8').match(/^nameserver (.*)$/gm).map((line) => line.slice(11)))
let asked = 0
const timer = setInterval(() => {
  const name = names[asked % names.length]
  const start = Date.now()
  resolver.resolve4(name, (error, addresses) => {
    const first = error ? '-' : addresses[0]
    console.log([(start / 1000).toFixed(6), name, (Date.now() - start).toFixed(3), error ? error.code : 'ok', first].join('\t'))
  })
  asked += 1
  if (asked >= Number(count)) clearInterval(timer)
}, Number(interval))
