"""What one string may be. A check returns the value it stands for, or raises ValueError.

The reason in that ValueError is said of the string ("is empty", "has a space in it"): the caller
puts the subject in front, which is the string itself, or, where it came from the environment and
may be a secret, only the variable's name.
"""

from __future__ import annotations

import posixpath
import re

from deployctl import workflow_events
from deployctl.inventory import ssh_public_key
from deployctl.inventory.text import did_you_mean, shown
from deployctl.inventory.values.host import Jump, PinnedKey

LONGEST_DURATION = 86400.0
"""Seconds."""

# Not compiled here: most commands need a few of them only, and `re` keeps those.
_CONTROL = r"[\x00-\x1f\x7f-\x9f]"
_SURROGATE = r"[\ud800-\udfff]"
_HOST_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_SERVICE_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LONGEST_SERVICE_NAME = 128
_ADDRESS = r"[A-Za-z0-9_.:][A-Za-z0-9_.:%-]*"
_USER = r"[A-Za-z0-9_.][A-Za-z0-9_.@+-]*"
_JUMP = r"(?:(?P<user>[^@]+)@)?(?P<address>\[[0-9A-Fa-f:.%]+\]|[^:@\[\]]+)(?::(?P<port>[0-9]+))?"
_FINGERPRINT = r"SHA256:[A-Za-z0-9+/]{43}"
_PUBLIC_KEY = r"((?:ssh|ecdsa|sk)-[A-Za-z0-9@.-]+) +([A-Za-z0-9+/]+)={0,2}(?: .*)?"
_REGISTRY = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?"
_ANNOTATION = r"[^=,]+"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
_RESERVED_VARIABLE = r"(?:PATH|HOME|IFS|ENV|PWD|SHELL|USER)|(?:LD|DOCKER|COMPOSE|DEPLOYCTL)_.*"
_DURATION = (
    r"(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9}(?:\.[0-9]{1,3})?)s)?(?:([0-9]{1,9})ms)?"
)
_REMOTE_FILE = r"[A-Za-z0-9+.-]+://|git@"
_REF = r"refs/(?:heads|tags)/[^/].*"
# git-check-ref-format(1); the wildcard has a message of its own.
_REF_MISFIT = r"[ ~^:?\[\\]|\.\.|@\{|//|/\.|(?:/|\.|\.lock)$|\.lock/"
_LARGEST_PORT = 65535
# Begins like a path, or names a file as ssh-keygen does.
_KEY_PATH = r"(?:~|\.{0,2})/[^\n]*|(?:[^\n]*/)?(?:\.ssh/[^\n]+|id_[a-z0-9]+|[^\n/]+\.(?:pem|key))"
_KEY_IN_BASE64 = "LS0tLS1CRUdJTi"  # of -----BEGIN


def plain(text: str) -> str:
    """Accept any text that is not empty and has no control characters."""
    if not text:
        raise ValueError("is empty")
    if re.search(_CONTROL, text):
        raise ValueError("has a control character in it (such as a newline)")
    if re.search(_SURROGATE, text):
        raise ValueError("is not valid Unicode")
    return text


def host_name(text: str) -> str:
    """Accept the name of a host in the inventory."""
    return _matching(
        _HOST_NAME,
        text,
        "cannot name a host: use letters, digits, '.', '_' and '-', at most 63, "
        "with a letter or digit first",
    )


def service_name(text: str) -> str:
    """Accept a name that fits both a Compose service and a component of an image's name."""
    if len(text) > _LONGEST_SERVICE_NAME:
        raise ValueError(f"is longer than {_LONGEST_SERVICE_NAME} characters")
    return _matching(
        _SERVICE_NAME,
        text,
        "cannot name a service: it is also part of an image's name (deployctl/PROJECT/SERVICE), so "
        "use a-z and 0-9, with '.', '_', '__' or '-' between them",
    )


def address(text: str) -> str:
    """Accept a host name, an IP address or an alias of ssh_config."""
    if "://" in plain(text):
        raise ValueError("is a URL: write the host name or IP address only")
    if "@" in text:
        raise ValueError("has a login in it: write that as `user`")
    if text.startswith("["):
        raise ValueError("is in brackets: write an IPv6 address without them")
    if re.fullmatch(r"[^:]+:[0-9]+", text):
        raise ValueError("has a port in it: write that as `port`")
    # ssh_config may hand it to a shell (ProxyCommand %h): nothing that a shell would act on.
    return _matching(_ADDRESS, text, "is not a host name, an IP address or an ssh_config alias")


def user(text: str) -> str:
    """Accept a login name that no shell and no option parser can misread."""
    return _matching(
        _USER,
        plain(text),
        "is not a login name: use letters, digits and . _ - + @, without '-' first",
    )


def port(text: str) -> int:
    """Accept a TCP port in decimal digits."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) <= _LARGEST_PORT:
        raise ValueError(f"is not a port number from 1 to {_LARGEST_PORT}")
    return int(text)


def proxy_jump(text: str) -> tuple[Jump, ...]:
    """Accept one jump host, as `[user@]host[:port]`, or "none"."""
    if text.lower() == "none":
        return ()
    parts = re.fullmatch(_JUMP, plain(text))
    if not parts:
        raise ValueError("is not one jump host: write [user@]host[:port]")
    jump = Jump(
        name=address(parts["address"].strip("[]")),
        user=user(parts["user"]) if parts["user"] else None,
        port=port(parts["port"]) if parts["port"] else None,
    )
    return (jump,)


def host_key(text: str) -> PinnedKey:
    """Accept a fingerprint or a public key line."""
    if re.fullmatch(_FINGERPRINT, plain(text)):
        return PinnedKey(text)
    line = re.fullmatch(_PUBLIC_KEY, text)
    if not line:
        raise ValueError(
            'is not a host key: write "SHA256:" and 43 characters, as `ssh-keygen -lf` prints '
            'it, or a public key line ("ssh-ed25519 AAAA…")'
        )
    key_type, encoded = line[1], line[2]
    blob = ssh_public_key.decode(encoded + "=" * (-len(encoded) % 4))
    if blob is None or not ssh_public_key.is_of_type(blob, key_type):
        raise ValueError(f"is damaged: what follows {key_type} is not a key of this type")
    return PinnedKey(ssh_public_key.fingerprint(blob), key_type)


def private_key(text: str) -> str:
    """Accept what can be a private key; what happened to it in a secret store, ssh repairs."""
    key = text.replace("\r\n", "\n").strip()
    if key.startswith(("ssh-", "ecdsa-", "sk-")):
        raise ValueError("is a public key: the private one is needed")
    whole = "BEGIN" in key and "PRIVATE KEY" in key
    if re.fullmatch(_KEY_PATH, key):
        raise ValueError(
            "holds the path of a file, not the text of a key: write identity_file instead of "
            "ssh_key, or pass what is in the file"
        )
    if not whole and not key.startswith(_KEY_IN_BASE64):
        raise ValueError("is not a private key: its first line reads -----BEGIN … PRIVATE KEY-----")
    return key + "\n"


def passphrase(text: str) -> str:
    """Accept a passphrase; a line break at its end was not typed by its owner."""
    return text.rstrip("\r\n")


def registry(text: str) -> str:
    """Accept the registry that images name: HOST or HOST:PORT."""
    if "://" in plain(text) or "/" in text:
        raise ValueError("is more than a registry: write HOST or HOST:PORT, as images name it")
    return _matching(_REGISTRY, text, "is not a registry: write HOST or HOST:PORT")


def registry_user(text: str) -> str:
    """Accept a registry's login name; no option parser can misread it."""
    if plain(text).startswith("-"):
        raise ValueError("would be read as an option")
    return text


def password(text: str) -> str:
    """Accept a password or token; a line break at its end was not typed by its owner."""
    found = text.strip("\r\n")
    if re.search(_CONTROL, found):
        raise ValueError("has a control character in it (such as a newline)")
    return found


def public_key(text: str) -> str:
    """Accept a public key in PEM."""
    if "PRIVATE KEY" in text:
        raise ValueError("is a private key: the public one is needed")
    lines = text.strip().splitlines()
    if lines[:1] != ["-----BEGIN PUBLIC KEY-----"] or lines[-1] != "-----END PUBLIC KEY-----":
        raise ValueError("is not a public key: it reads -----BEGIN PUBLIC KEY-----, as cosign.pub")
    return "\n".join(lines) + "\n"


def annotation_value(text: str) -> str:
    """Accept the value of a signature's annotation; cosign splits at commas."""
    if "," in plain(text):
        raise ValueError("has a comma in it, which cosign takes for the end of an annotation")
    return text


def annotation_name(text: str) -> str:
    """Accept the name of a signature's annotation."""
    return _matching(_ANNOTATION, plain(text), "cannot name an annotation: it has no '=' or ','")


def directory(text: str) -> str:
    """Accept an absolute path on the host; return it in its shortest spelling."""
    if not plain(text).startswith("/"):
        raise ValueError("is not an absolute path: start it with /")
    # Behind a symbolic link `..` is not what it seems, and directories are compared by name.
    if ".." in text.split("/"):
        raise ValueError('has ".." in it: write the path without')
    return "/" + posixpath.normpath(text).strip("/")


def compose_file(text: str) -> str:
    """Accept a compose file's path on the host, exactly as written."""
    if plain(text).startswith("-"):
        raise ValueError("would be read as an option (or as standard input): write ./ before it")
    if re.match(_REMOTE_FILE, text):
        raise ValueError("is not a file on the host")
    if text.endswith("/"):
        raise ValueError("is a directory: name the file")
    return text


def local_file(text: str, *, home: str | None, base: str) -> str:
    """Accept a path on this computer; `~` is `home`, a relative path starts at `base`."""
    if plain(text) == "~" or text.endswith("/"):
        raise ValueError("is a directory: name the file")
    if text.startswith("~/"):
        # Without HOME it stays: a host that is not used must not fail the whole inventory.
        return posixpath.join(home, text[2:]) if home else text
    if text.startswith("~"):
        raise ValueError("starts with another user's home: write its absolute path")
    return posixpath.join(base, text)


def variable(text: str) -> str:
    """Accept the name of an environment variable."""
    return _matching(
        _VARIABLE, text, "is not a variable's name: use A-Z, a-z, 0-9 and _, without a digit first"
    )


def tag_variable(text: str) -> str:
    """Accept the name of a variable that may carry the tag."""
    if re.fullmatch(_RESERVED_VARIABLE, variable(text)):
        raise ValueError("already has a meaning for the shell or docker: use another name")
    return text


def source_ref(text: str) -> str:
    """Accept the full name of one branch or tag."""
    if "*" in plain(text):
        raise ValueError("has a wildcard in it: name each branch or tag")
    if text.startswith("refs/pull/"):
        raise ValueError("is a pull request: those never deploy")
    if not text.startswith("refs/"):
        raise ValueError(f"is not a full ref: write {shown('refs/heads/' + text)}, for a branch")
    if not re.fullmatch(_REF, text) or re.search(_REF_MISFIT, text):
        raise ValueError("is not the name of a branch (refs/heads/…) or tag (refs/tags/…)")
    return text


def source_event(text: str) -> str:
    """Accept an event of GitHub Actions that may be allowed to change a host."""
    if workflow_events.is_pull_request(plain(text)):
        raise ValueError("is of a pull request, whose code nobody has merged: those never may")
    if text == "workflow_call":
        raise ValueError("is not what starts a workflow: name the event of the one that calls it")
    if text not in workflow_events.LISTABLE:
        guess = did_you_mean(text, workflow_events.LISTABLE)
        raise ValueError(f"is no event that starts workflows{guess}")
    return text


def model(text: str) -> str:
    """Accept a deploy model."""
    if text not in {"compose", "gitops"}:
        raise ValueError('is no deploy model: write "compose" or "gitops"')
    return text


def duration(text: str) -> float:
    """Accept "500ms", "60s", "2m", "1m30s"; return seconds."""
    parts = re.fullmatch(_DURATION, text)
    if not text or not parts:
        number = re.fullmatch(r"[0-9]{1,9}", text)
        remedy = f'write "{text}s"' if number else 'write it like "60s", "2m", "1m30s" or "500ms"'
        raise ValueError(f"is not a duration: {remedy}")
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in parts.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000


def duration_or_zero(text: str) -> float:
    """Accept a duration of at most a day; return seconds."""
    seconds = duration(text)
    if seconds > LONGEST_DURATION:
        raise ValueError('is longer than a day ("24h")')
    return seconds


def positive_duration(text: str) -> float:
    """Accept a duration of at most a day that does not end at once; return seconds."""
    seconds = duration_or_zero(text)
    if seconds == 0:
        raise ValueError("is no time at all")
    return seconds


def parse_duration(text: str) -> float:
    """Return the seconds that "500ms", "60s", "2m", "1m30s" or "1h" stand for.

    Raises:
        ValueError: with a message for the user.
    """
    try:
        return duration(text)
    except ValueError as refusal:
        raise ValueError(f"{shown(text)} {refusal}") from None


def _matching(pattern: str, text: str, otherwise: str) -> str:
    if not re.fullmatch(pattern, text):
        raise ValueError(otherwise if text else "is empty")
    return text
