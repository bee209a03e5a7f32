"""Run as a script: ties this process to its parent's life, changes the user if asked, and becomes the command.

Only the standard library is imported, since it runs isolated from every installed package.
"""

import ctypes
import os
import sys

_SET_DEATH_SIGNAL = 1
_SET_SECUREBITS = 28
_CAP_AMBIENT = 47
_AMBIENT_RAISE = 2
_NO_SETUID_FIXUP = 1 << 2
_CAPABILITY_VERSION_3 = 0x20080522
#: Reading and passing every folder; what a container often grants instead.
_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE = 2, 1


def _prctl(option: int, *arguments: int) -> bool:
    libc = ctypes.CDLL(None)
    padded = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    return bool(libc.prctl(option, *padded) == 0)


def _keep_only(capability: int) -> bool:
    """Leave this process exactly one capability, and let it survive the exec.

    Permitted and ambient set must be equal: if the exec added to the permitted set, the kernel would take it for a
    privileged program and forget the death signal.
    """
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    mask = 1 << capability
    data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    if ctypes.CDLL(None).capset(header, data) != 0:
        return False
    return _prctl(_CAP_AMBIENT, _AMBIENT_RAISE, capability)


def _become(user: int, group: int) -> None:
    """Change to a plain user that can still pass the folders above the programs and the data.

    A checkout below a home folder of mode 0700 is out of reach for any other user, so one capability for reading is
    kept. It has to hold for access(2) too, which a securebit decides. Where the kernel refuses any of this the user
    changes all the same, and the command says what it cannot reach.
    """
    kept = _prctl(_SET_SECUREBITS, _NO_SETUID_FIXUP)
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    if kept:
        _ = _keep_only(_CAP_DAC_READ_SEARCH) or _keep_only(_CAP_DAC_OVERRIDE)


def main(arguments: list[str]) -> None:
    """`PARENT DEATH_SIGNAL UID:GID|- COMMAND...`: does not return."""
    parent, death_signal, user, *command = arguments
    if user != "-":
        user_id, _, group_id = user.partition(":")
        _become(int(user_id), int(group_id))
    if sys.platform == "linux":
        # After the change of user, which clears it.
        _prctl(_SET_DEATH_SIGNAL, int(death_signal))
        if os.getppid() != int(parent):
            sys.exit("the process that started this one is gone")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
