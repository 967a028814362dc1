"""Composes one message from the templates of its name."""

from collections.abc import Iterable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime

from webapp import paper
from webapp.core import clock
from webapp.core.addresses import Mailbox
from webapp.mail.folding import WirePolicy
from webapp.mail.headers import (
    checked_message_id,
    header_of,
    one_line,
    wire_recipient,
    wire_sender,
)

_POLICY = WirePolicy()

# Of every template under templates/emails.
_LANGUAGE = "en"


@dataclass(frozen=True)
class Attachment:
    """A file that comes with the message; `content_type` is like `application/pdf`."""

    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class InlineImage:
    """An image that the HTML shows as `cid:<content_id>`."""

    filename: str
    content_type: str
    content: bytes
    content_id: str


def compose(
    *,
    name: str,
    context: object,
    sender: Mailbox,
    to: Mailbox,
    message_id: str,
    reply_to: Mailbox | None = None,
    attachments: Iterable[Attachment] = (),
    inline: Iterable[InlineImage] = (),
) -> EmailMessage:
    """Fill `templates/emails/<name>/{subject.txt,body.txt,body.html}`, where `email` is `context`.

    Args:
        name: the folder of the message's templates.
        context: what the templates know as `email`.
        sender: whom it is from.
        to: its only recipient.
        message_id: as it stands in the head, `<left@right>`; it is kept for every repeat.
        reply_to: where answers go, when not to the sender. Left out where no mail can go there:
            that must not cost the recipient the message.
        attachments: files beside the text.
        inline: images that the HTML shows.

    Returns:
        A message whose `as_bytes()` is ready for the wire.

    Raises:
        MailRefusedError: the recipient can have no mail.
        MailUnavailableError: nor can the sender, which is ours to mend.
        ValueError: the Message-ID is none.
    """
    message = EmailMessage(policy=_POLICY)
    message["From"] = header_of(sender.name, wire_sender(sender.address))
    message["To"] = header_of(to.name, wire_recipient(to.address))
    if reply_to is not None and reply_to.is_mailable:
        message["Reply-To"] = header_of(reply_to.name, reply_to.wire)
    message["Subject"] = one_line(paper.fill(f"emails/{name}/subject.txt", email=context))
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = checked_message_id(message_id)
    message["Auto-Submitted"] = "auto-generated"

    message.set_content(paper.fill(f"emails/{name}/body.txt", email=context))
    html = EmailMessage(policy=_POLICY)
    html.set_content(paper.fill(f"emails/{name}/body.html", email=context), subtype="html")
    for image in inline:
        maintype, _, subtype = image.content_type.partition("/")
        html.add_related(
            image.content,
            maintype=maintype,
            subtype=subtype,
            cid=f"<{image.content_id}>",
            disposition="inline",
            filename=one_line(image.filename),
        )
    message.make_alternative()
    message.attach(html)
    for file in attachments:
        maintype, _, subtype = file.content_type.partition("/")
        message.add_attachment(
            file.content, maintype=maintype, subtype=subtype, filename=one_line(file.filename)
        )
    # Last: becoming a multipart gives the headers of the content to a part.
    message["Content-Language"] = _LANGUAGE
    return message
