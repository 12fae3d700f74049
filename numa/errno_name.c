/* errno_name.c - names for the few errnos with which a system refuses to place threads or memory.
 *
 * Why a file of its own: team.c, pages.c, topology.c and report.c all tell refusals, and strerror() is neither safe
 * from several threads nor the same in every locale.
 */
#include "numa/errno_name.h"

#include <errno.h>

const char *ist__errno_name(int number)
{
    switch (number) {
    case EACCES: return "EACCES";
    case EAGAIN: return "EAGAIN";
    case EBUSY: return "EBUSY";
    case EFAULT: return "EFAULT";
    case EINVAL: return "EINVAL";
    case EIO: return "EIO";
    case ENODEV: return "ENODEV";
    case ENOENT: return "ENOENT";
    case ENOMEM: return "ENOMEM";
    case ENOSYS: return "ENOSYS";
    case EPERM: return "EPERM";
    case ESRCH: return "ESRCH";
    case EXDEV: return "EXDEV";
    default: return "another error";
    }
}
