"""What datasets can refuse."""

from lyceum.kernel.problems import Conflict, Gone, Invalid, NotFound, Unavailable


class DatasetNotFound(NotFound):
    """No such dataset, or none the caller may see."""

    code = "dataset_not_found"


class DatasetExists(Conflict):
    """The organisation has a dataset of that name."""

    code = "dataset_exists"


class ChangeEmpty(Invalid):
    """A change that changes nothing."""

    code = "change_empty"


class VersionNotFound(NotFound):
    """No such version, or none that was accepted."""

    code = "version_not_found"


class VersionPending(Conflict):
    """The version is still being read."""

    code = "version_pending"


class VersionThinned(Gone):
    """The version's rows were given up; what is said of it stays."""

    code = "version_thinned"


class DatasetDormant(Conflict):
    """The dataset takes no writes until it is brought back."""

    code = "dataset_dormant"


class IntoItself(Conflict):
    """A version of a dataset that would be made of rows of that dataset."""

    code = "into_itself"


class LessWatched(Conflict):
    """Rows of a dataset whose reads are recorded would go to one whose reads are not."""

    code = "less_watched"


class AddressInvalid(Invalid):
    """Text that is no address of a dataset."""

    code = "address_invalid"


class ColumnUnknown(Invalid):
    """A version has no column of that name."""

    code = "column_unknown"


class ColumnMasked(Invalid):
    """What is asked about a column would tell values that are masked."""

    title = "The column is masked"
    code = "column_masked"


class FilterUnusable(Invalid):
    """A value that a column cannot have."""

    code = "filter_unusable"


class SliceTooSlow(Invalid):
    """What was asked of a table's rows takes longer than a page waits."""

    code = "slice_too_slow"


class SlicesBusy(Unavailable):
    """As many tables are being looked through just now as may be at once."""

    code = "slices_busy"
