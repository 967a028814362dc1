"""The ways in which a message is not known to have arrived, and by whose doing it is not."""


class MailError(Exception):
    """Base of them all. Its text may be stored and logged: no address, no secret stands in it."""


class MailRefusedError(MailError):
    """The server will never take this message for this recipient."""


class MailUndeliveredError(MailError):
    """The server does not have the message. Trying again later may help."""


class MailPostponedError(MailUndeliveredError):
    """The server does not take this message now: greylisted, or the mailbox is full."""


class MailUnclearError(MailUndeliveredError):
    """The server failed at this message, and it may be the message's doing or the server's.

    Whether others get through tells the one from the other.
    """


class MailUnavailableError(MailUndeliveredError):
    """No message would get through: the server is away, or takes none from us."""


class MailDoubtfulError(MailError):
    """The whole message was handed over and no answer came: the server may have taken it."""
