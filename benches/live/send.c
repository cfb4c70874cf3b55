/* Puts the frames of a pcap file on an interface at a rate: send INTERFACE FILE PACKETS_A_SECOND SECONDS.
 *
 * Batches of 32 by sendmmsg(2), past the queueing discipline. It waits by looking at the clock, because a
 * sleep of the kernel would send bursts. What it sent, and at which rate, is printed. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 32 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void stop(const char *what)
{
    perror(what);
    exit(1);
}

int main(int count, char **words)
{
    if (count != 5) {
        fprintf(stderr, "usage: send INTERFACE FILE PACKETS_A_SECOND SECONDS\n");
        return 2;
    }
    int file = open(words[2], O_RDONLY);
    struct stat about;
    if (file < 0 || fstat(file, &about) < 0)
        stop(words[2]);
    const uint8_t *all = mmap(NULL, about.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (all == MAP_FAILED)
        stop("mmap");
    int wire = socket(AF_PACKET, SOCK_RAW, 0), yes = 1;
    if (wire < 0)
        stop("socket");
    setsockopt(wire, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes);
    struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(words[1]), .sll_halen = 6 };
    if (to.sll_ifindex == 0)
        stop(words[1]);
    double rate = atof(words[3]), seconds = atof(words[4]);
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    uint64_t sent = 0, refused = 0;
    const uint8_t *at = all + 24;
    double begin = now(), over = begin + seconds;
    for (;;) {
        memset(messages, 0, sizeof messages);
        for (int i = 0; i < BATCH; i++) {
            uint32_t length;
            if (at + 16 > all + about.st_size)
                at = all + 24;
            memcpy(&length, at + 8, 4);
            parts[i] = (struct iovec) { (void *)(at + 16), length };
            messages[i].msg_hdr = (struct msghdr) {
                .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &parts[i], .msg_iovlen = 1 };
            at += 16 + length;
        }
        double due = begin + (sent + refused) / rate, time;
        while ((time = now()) < due)
            ;
        if (time >= over)
            break;
        int done = sendmmsg(wire, messages, BATCH, 0);
        if (done < 0)
            done = 0;
        sent += done;
        refused += BATCH - done;
    }
    printf("%llu %llu %.0f\n", (unsigned long long)sent, (unsigned long long)refused, sent / (now() - begin));
    return 0;
}
