"""Everything Waarmerk refuses to do, as one tree.

    WaarmerkError
    ├── InputError                 the caller can mend it
    │   ├── BadParameter           a parameter is missing or has no such value
    │   ├── UnsupportedMedia       a kind of file this operation does not take; names what it takes
    │   ├── MediaTooLarge          over a limit of bytes or pixels, said before anything is decoded
    │   ├── MalformedMedia         the bytes are not a whole file of their kind
    │   └── CannotHoldMark         too small or too flat for a pixel mark
    ├── SelfCheckFailed            our own output did not verify; nothing is returned
    ├── ShapeError                 an array is not what a kernel takes (a programming error)
    ├── ConfigurationError         the deployment is not set up to do this; stops start-up
    └── Unavailable                the caller may try again
        ├── SigningUnavailable     signer or timestamp authority does not answer
        ├── RegistryUnavailable    the database does not answer
        └── Busy                   the queue is full

Every one carries a stable ``code`` and a sentence that says what to do. HTTP statuses exist only in
``waarmerk.app.errors``.
"""

from __future__ import annotations


class WaarmerkError(Exception):
    """Base of every refusal.

    Args:
        sentence: one sentence for a person: what is wrong and what to do. Never a key, never file content.
        code: stable machine name; the class's own when None.
    """

    code = "internal"

    def __init__(self, sentence: str, *, code: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        if code is not None:
            self.code = code


class InputError(WaarmerkError):
    code = "bad_input"


class BadParameter(InputError):
    code = "bad_parameter"


class UnsupportedMedia(InputError):
    code = "unsupported_media"


class MediaTooLarge(InputError):
    code = "too_many_bytes"


class MalformedMedia(InputError):
    code = "malformed_media"


class CannotHoldMark(InputError):
    code = "cannot_hold_mark"


class SelfCheckFailed(WaarmerkError):
    code = "self_check_failed"


class ShapeError(WaarmerkError, TypeError):
    code = "shape"


class ConfigurationError(WaarmerkError):
    code = "configuration"


class Unavailable(WaarmerkError):
    code = "unavailable"


class SigningUnavailable(Unavailable):
    code = "signing_unavailable"


class RegistryUnavailable(Unavailable):
    code = "registry_unavailable"


class Busy(Unavailable):
    code = "busy"
