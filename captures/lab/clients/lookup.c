/* getaddrinfo(AF_UNSPEC) again and again, one line a lookup. Built twice: against glibc and against musl.
 *
 *   lookup -n COUNT -i INTERVAL_MS -d SECONDS NAME...
 *
 * The names are taken in turn; a lookup is synchronous, as in most programs, then it waits
 * INTERVAL_MS. It ends after COUNT lookups, or when SECONDS have passed and the running lookup is over.
 * Prints: start (Unix time), name, milliseconds, "ok" or the error, first address.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print_lookup(const char *name)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
    char text[INET6_ADDRSTRLEN] = "-";
    double wall = now(CLOCK_REALTIME), start = now(CLOCK_MONOTONIC);
    int rc = getaddrinfo(name, "443", &hints, &list);
    double ms = (now(CLOCK_MONOTONIC) - start) * 1e3;
    if (rc == 0 && list) {
        const void *address = list->ai_family == AF_INET6
            ? (const void *)&((struct sockaddr_in6 *)list->ai_addr)->sin6_addr
            : (const void *)&((struct sockaddr_in *)list->ai_addr)->sin_addr;
        inet_ntop(list->ai_family, address, text, sizeof text);
    }
    printf("%.6f\t%s\t%.3f\t%s\t%s\n", wall, name, ms, rc == 0 ? "ok" : gai_strerror(rc), text);
    fflush(stdout);
    if (list)
        freeaddrinfo(list);
}

int main(int argc, char **argv)
{
    long count = 1, interval = 0, seconds = 30;
    int option;
    while ((option = getopt(argc, argv, "n:i:d:")) != -1) {
        switch (option) {
        case 'n': count = atol(optarg); break;
        case 'i': interval = atol(optarg); break;
        case 'd': seconds = atol(optarg); break;
        default: return 2;
        }
    }
    int names = argc - optind;
    if (names < 1)
        return 2;
    double end = now(CLOCK_MONOTONIC) + (double)seconds;
    for (long i = 0; i < count && now(CLOCK_MONOTONIC) < end; i++) {
        print_lookup(argv[optind + i % names]);
        usleep((useconds_t)interval * 1000);
    }
    return 0;
}
