"""What taking one's data along, and leaving, can be refused for."""

from lyceum.kernel.problems import Conflict, Gone, NotFound


class ExportNotFound(NotFound):
    """No such archive of the person who asks."""

    code = "export_not_found"


class ExportGone(Gone):
    """The archive's time is over."""

    code = "export_gone"


class ExportNotReady(Conflict):
    """The archive is still being made, or could not be."""

    code = "export_not_ready"


class OrganisationsNeedOwner(Conflict):
    """Organisations would be left without an owner."""

    code = "organisations_need_owner"


class DeletionNotAsked(NotFound):
    """The person has not asked to leave."""

    code = "deletion_not_asked"


class DeletionUnderWay(Conflict):
    """It is too late to stay."""

    code = "deletion_under_way"
