/* How a trial answers, and the names of the states.  The state of a refused call
 * follows from errno by one table, so that every trial judges alike. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "probe/fact.h"

const char *fact_state_name(enum fact_state s)
{
	static const char *const names[] = {
		[FACT_WORKS] = "works",
		[FACT_DENIED] = "denied",
		[FACT_ABSENT] = "absent",
		[FACT_BROKEN] = "broken",
		[FACT_UNKNOWN] = "unknown",
	};
	return (size_t)s < sizeof names / sizeof *names ? names[s] : "unknown";
}

enum fact_state fact_state_of_errno(int errnum)
{
	switch (errnum) {
	case EPERM:
	case EACCES:
	case EROFS:
	case ENOSPC: /* a limit of user.max_*_namespaces, a quota */
	case EUSERS:
	case EDQUOT:
	case ENOKEY:
	case EBUSY:
		return FACT_DENIED;
	case ENOSYS:
	case ENOENT:
	case ENODEV:
	case ENXIO:
	case ENOTTY:
	case EINVAL: /* the kernel does not know the flag, the option or the type */
	case E2BIG:  /* the same of a structure newer than it (openat2, clone3) */
	case EOPNOTSUPP:
	case EPROTONOSUPPORT:
	case ESOCKTNOSUPPORT:
	case EAFNOSUPPORT:
	case ENOPROTOOPT:
		return FACT_ABSENT;
	case EIO:
	case EFAULT:
	case ETIMEDOUT:
	case ESTALE:
	case EBADF:
		return FACT_BROKEN;
	default:
		return FACT_UNKNOWN;
	}
}

__attribute__((format(printf, 2, 0))) static void put_evidence(
	struct fact_result *r, const char *fmt, va_list ap)
{
	vsnprintf(r->evidence, sizeof r->evidence, fmt, ap);
}

void fact_works(struct fact_result *r, const char *evidence, ...)
{
	va_list ap;
	r->state = FACT_WORKS;
	r->errnum = 0;
	r->op[0] = r->reason[0] = '\0';
	va_start(ap, evidence);
	put_evidence(r, evidence, ap);
	va_end(ap);
}

void fact_refused(struct fact_result *r, int errnum, const char *op, const char *evidence, ...)
{
	va_list ap;
	r->state = fact_state_of_errno(errnum);
	r->errnum = errnum;
	snprintf(r->op, sizeof r->op, "%s", op);
	snprintf(r->reason, sizeof r->reason, "%s: %s", op, strerror(errnum));
	va_start(ap, evidence);
	put_evidence(r, evidence, ap);
	va_end(ap);
}

void fact_set(
	struct fact_result *r, enum fact_state s, const char *reason, const char *evidence, ...)
{
	va_list ap;
	r->state = s;
	snprintf(r->reason, sizeof r->reason, "%s", reason ? reason : "");
	va_start(ap, evidence);
	put_evidence(r, evidence, ap);
	va_end(ap);
}
