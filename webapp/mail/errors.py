"""The three ways in which a message is not known to have arrived."""


class MailError(Exception):
    """Base of the three. Its text may be stored and logged: no address, no secret stands in it."""


class MailRefusedError(MailError):
    """The server will never take this message for this recipient."""


class MailUndeliveredError(MailError):
    """The server does not have the message. Trying again later may help."""


class MailDoubtfulError(MailError):
    """The whole message was handed over and no answer came: the server may have taken it."""
