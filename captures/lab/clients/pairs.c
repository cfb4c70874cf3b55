/* A and AAAA at the same moment, from two threads on two CPUs over one new socket: the race of conntrack, on purpose.
 *
 *   pairs SERVER COUNT INTERVAL_MS
 *
 * Prints how many questions were sent and answered.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fd, count;
static atomic_int phase;
static unsigned char queries[2][64];
static const char question[] = "\3web\7default\3svc\7cluster\5local";     /* its last zero is the root label */

static void on_cpu(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static size_t build(unsigned char *query, int id, int type)
{
    unsigned char header[12] = {(unsigned char)(id >> 8), (unsigned char)id, 1, 0, 0, 1}, tail[4] = {0, (unsigned char)type, 0, 1};
    memcpy(query, header, sizeof header);
    memcpy(query + sizeof header, question, sizeof question);
    memcpy(query + sizeof header + sizeof question, tail, sizeof tail);
    return sizeof header + sizeof question + sizeof tail;
}

static void *second(void *size)
{
    on_cpu(1);
    for (int i = 0; i < count; i++) {
        while (atomic_load(&phase) != 2 * i + 1)
            ;
        send(fd, queries[1], *(size_t *)size, 0);
        atomic_store(&phase, 2 * i + 2);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(53)};
    if (argc != 4 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1)
        return 2;
    count = atoi(argv[2]);
    size_t size = build(queries[0], 0, 1);
    int answered = 0;
    pthread_t thread;
    on_cpu(0);
    pthread_create(&thread, NULL, second, &size);
    for (int i = 0; i < count; i++) {
        fd = socket(AF_INET, SOCK_DGRAM, 0);
        if (connect(fd, (struct sockaddr *)&server, sizeof server) != 0)
            return 1;
        build(queries[0], 0x1000 + 2 * i, 1);
        build(queries[1], 0x1001 + 2 * i, 28);
        atomic_store(&phase, 2 * i + 1);
        send(fd, queries[0], size, 0);
        while (atomic_load(&phase) != 2 * i + 2)
            ;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        unsigned char answer[512];
        for (int got = 0; got < 2 && poll(&wait, 1, 1000) > 0; got++)
            answered += recv(fd, answer, sizeof answer, 0) > 0;
        close(fd);
        usleep((useconds_t)atoi(argv[3]) * 1000);
    }
    printf("sent\t%d\tanswered\t%d\n", 2 * count, answered);
    return 0;
}
