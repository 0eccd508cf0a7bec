"""What uploads can refuse."""

from lyceum.kernel.problems import Conflict, Forbidden, Gone, Invalid, NotFound, TooLarge


class UploadNotFound(NotFound):
    """No such upload in the organisation acted in."""

    code = "upload_not_found"


class UploadAddressInvalid(Forbidden):
    """The address of an upload was changed or has run out."""

    code = "upload_address_invalid"


class UploadNotWhole(Conflict):
    """The content has not arrived, or not all of it."""

    code = "upload_not_whole"


class UploadFinished(Conflict):
    """The content has arrived already."""

    code = "upload_finished"


class UploadTooLarge(TooLarge):
    """The file is larger than the hub takes."""

    code = "upload_too_large"


class UploadSizeNeeded(Invalid):
    """A file can come in parts only when its size is known."""

    code = "upload_size_needed"


class UploadNotInParts(Conflict):
    """The upload was begun to come in one piece, or has no such part."""

    code = "upload_not_in_parts"


class ContentDiffers(Invalid):
    """What arrived has another checksum than was announced."""

    code = "content_differs"


class DigestUnreadable(Invalid):
    """A header with a checksum that cannot be read."""

    code = "digest_unreadable"


class UploadContentGone(Gone):
    """The content of an upload is not kept any more."""

    code = "upload_content_gone"


class OrganisationNotFound(NotFound):
    """No organisation of that name on this hub."""

    code = "organisation_not_found"


class FileNameUnusable(Invalid):
    """A file name with a path, a control character, or nothing in it."""

    code = "file_name_unusable"
