/*
 * A library for LD_PRELOAD that moves Samba to free ports of the loopback address.
 *
 * Samba's LDAP ports are constants, and whether a connection starts with TLS depends on the port that getsockname()
 * reports. So bind() moves each port of REPASS_PORTS ("389=40001 636=40002") to its replacement, and getsockname() reports
 * the original. With REPASS_PORTS unset, only the last part of this file matters: provisioning gives files to other
 * owners, which only root can do and no test looks at.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static in_port_t replacement(in_port_t port, int is_reverse)
{
    const char *pairs = getenv("REPASS_PORTS");
    while (pairs && *pairs) {
        char *end;
        unsigned long original = strtoul(pairs, &end, 10);
        if (*end != '=')
            break;
        unsigned long moved = strtoul(end + 1, &end, 10);
        if (ntohs(port) == (is_reverse ? moved : original))
            return htons((in_port_t)(is_reverse ? original : moved));
        pairs = *end == ' ' ? end + 1 : end;
    }
    return port;
}

static void move(struct sockaddr *address, int is_reverse)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)address;
        v4->sin_port = replacement(v4->sin_port, is_reverse);
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
        v6->sin6_port = replacement(v6->sin6_port, is_reverse);
    }
}

int bind(int socket, const struct sockaddr *address, socklen_t length)
{
    static int (*next)(int, const struct sockaddr *, socklen_t);
    struct sockaddr_storage copy;
    if (!next)
        next = (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "bind");
    if (!address || length > sizeof copy)
        return next(socket, address, length);
    memcpy(&copy, address, length);
    move((struct sockaddr *)&copy, 0);
    return next(socket, (struct sockaddr *)&copy, length);
}

int getsockname(int socket, struct sockaddr *address, socklen_t *length)
{
    static int (*next)(int, struct sockaddr *, socklen_t *);
    if (!next)
        next = (int (*)(int, struct sockaddr *, socklen_t *))dlsym(RTLD_NEXT, "getsockname");
    int result = next(socket, address, length);
    if (result == 0 && address)
        move(address, 1);
    return result;
}

int chown(const char *path, uid_t user, gid_t group)
{
    int (*next)(const char *, uid_t, gid_t) = (int (*)(const char *, uid_t, gid_t))dlsym(RTLD_NEXT, "chown");
    return getuid() == 0 ? next(path, user, group) : 0;
}

int lchown(const char *path, uid_t user, gid_t group)
{
    int (*next)(const char *, uid_t, gid_t) = (int (*)(const char *, uid_t, gid_t))dlsym(RTLD_NEXT, "lchown");
    return getuid() == 0 ? next(path, user, group) : 0;
}

int fchown(int file, uid_t user, gid_t group)
{
    int (*next)(int, uid_t, gid_t) = (int (*)(int, uid_t, gid_t))dlsym(RTLD_NEXT, "fchown");
    return getuid() == 0 ? next(file, user, group) : 0;
}
