"""An archive (PACS) over DICOMweb: find a study's CAD reports, answer each, store the answer once.

QIDO-RS finds, WADO-RS fetches, STOW-RS stores (PS3.18). The answer to a report has a UID that
follows from the report and the model, so what is there already is not stored again.
"""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from calcigram.classify import Classifier
from calcigram.errors import BadInputError, CalcigramError, naming
from calcigram.formats.dicom.answer import ALGORITHM
from calcigram.formats.dicom.datasets import check_budget, items_of, text_of
from calcigram.formats.dicom.drawing import evidence
from calcigram.formats.extras import load_extra
from calcigram.formats.files import DICOM_MAGIC, DICOM_PREAMBLE, PathLike
from calcigram.options import ReadOptions
from calcigram.replies import TEMPLATE_NAMES, reply_to_report

if TYPE_CHECKING:
    from pydicom import Dataset

    from calcigram.model.reader import Model

TIMEOUT_S = 30.0

MAX_INSTANCES = 10_000
"""Reports of a study, and mammograms of one."""

REPORT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.88.50": "Mammography CAD SR",
    "1.2.840.10008.5.1.4.1.1.88.22": "Enhanced SR",
    "1.2.840.10008.5.1.4.1.1.88.33": "Comprehensive SR",
    "1.2.840.10008.5.1.4.1.1.88.34": "Comprehensive 3D SR",
}
"""SOP classes that may hold calcifications; others are not fetched."""

Item = TypeVar("Item")


@dataclass
class StudySummary:
    """What came of a study.

    Attributes
    ----------
    stored : list of str
        SOP instance UIDs of answers that are new in the archive.
    present : list of str
        Of answers that were there already.
    skipped : list of str
        Instances that are no report of calcifications, each with the reason.
    failed : list of str
        Reports that could not be answered, each with the reason.
    notes : list of str
        How clusters were formed, and what reports lack.
    """

    stored: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Archive:
    """One archive.

    Parameters
    ----------
    url : str
        Root of its DICOMweb service, such as ``http://localhost:8042/dicom-web``; a user name and
        password in it are taken for `user` and `password`.
    user, password : str, optional
        For HTTP basic authentication.
    timeout_s : float
        Of each request.
    """

    def __init__(
        self,
        url: str,
        *,
        user: str | None = None,
        password: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        web = load_extra("dicomweb_client.api", "An archive")
        requests = load_extra("requests", "An archive")
        self.url, in_url = _without_login(url)
        session = requests.Session()
        session.hooks["response"].append(read_bounded)
        login = (user, password or "") if user is not None else in_url
        if login is not None:
            session.auth = login
        try:
            self._client = web.DICOMwebClient(self.url, session=session, timeout=timeout_s)
        except ValueError as error:
            expected = f"a URL such as http://localhost:8042/dicom-web ({error})"
            raise BadInputError(expected, value=self.url) from None
        self._client.set_http_retry_params(retry=False)

    def instances(self, study: str) -> list[dict[str, str]]:
        """Return series, instance and SOP class UIDs of the reports of a study."""
        with self._told("search"):
            all_series = self._client.search_for_series(study, search_filters={"Modality": "SR"})
            found = (
                {
                    "series": _uid(series, "0020000E"),
                    "instance": _uid(instance, "00080018"),
                    "class": _value(instance, "00080016"),
                }
                for series in all_series
                for instance in self._client.search_for_instances(study, _uid(series, "0020000E"))
            )
            return self._at_most(found)

    def has_study(self, study: str) -> bool:
        """Tell whether the archive knows a study."""
        if not is_uid(study):
            raise BadInputError("a Study Instance UID, such as 1.2.840.1", value=study)
        with self._told("search"):
            filters = {"StudyInstanceUID": study}
            return bool(self._client.search_for_studies(search_filters=filters))

    def has_instance(self, study: str, instance: str) -> bool:
        """Tell whether a study has an instance."""
        with self._told("search"):
            filters = {"SOPInstanceUID": instance}
            return bool(self._client.search_for_instances(study, search_filters=filters))

    def fetch(self, study: str, series: str, instance: str) -> Dataset:
        """Return an instance."""
        with self._told(f"fetch {instance}"):
            dataset: Dataset = self._client.retrieve_instance(
                study, series, instance, media_types=(("application/dicom", "*"),)
            )
        return dataset

    def header(self, study: str, instance: str) -> Dataset | None:
        """Return the header of an image of a study; None where the archive does not have it."""
        pydicom = load_extra("pydicom", "An archive")
        with self._told(f"fetch the header of {instance}"):
            filters = {"SOPInstanceUID": instance}
            found = self._client.search_for_instances(study, search_filters=filters)
            if not found:
                return None
            series = _uid(found[0], "0020000E")
            metadata = self._client.retrieve_instance_metadata(study, series, instance)
            header: Dataset = pydicom.Dataset.from_json(metadata)
        return header

    def mammograms(self, study: str) -> list[Dataset]:
        """Return the headers of all mammograms of a study."""
        pydicom = load_extra("pydicom", "An archive")
        with self._told("fetch the headers of mammograms"):
            filters = {"Modality": "MG"}
            found = (
                pydicom.Dataset.from_json(metadata)
                for series in self._client.search_for_series(study, search_filters=filters)
                for metadata in self._client.retrieve_series_metadata(
                    study, _uid(series, "0020000E")
                )
            )
            return self._at_most(found)

    def _at_most(self, found: Iterable[Item]) -> list[Item]:
        """Return a list; refuse one that goes on and on."""
        instances = list(itertools.islice(found, MAX_INSTANCES + 1))
        if len(instances) > MAX_INSTANCES:
            raise ArchiveError(f"{self.url}: more than {MAX_INSTANCES} instances in one study")
        return instances

    def store(self, document: Dataset) -> None:
        """Store an instance."""
        with self._told(f"store {document.SOPInstanceUID}"):
            answer = self._client.store_instances([document])
        if "FailedSOPSequence" in answer and answer.FailedSOPSequence:
            reason = answer.FailedSOPSequence[0].get("FailureReason", "not told")
            text = f"{self.url}: {document.SOPInstanceUID} was not stored (failure reason {reason})"
            raise ArchiveError(text)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Say in our own words what goes wrong on the way."""
        try:
            yield
        except CalcigramError:
            raise
        except Exception as error:  # an answer that is no DICOMweb breaks the client in many ways
            raise ArchiveError(f"{self.url}: could not {what}: {_told(error)}") from None


def _told(error: Exception) -> str:
    requests = load_extra("requests", "An archive")
    kind = type(error).__name__
    if isinstance(error, requests.HTTPError):
        status = getattr(error.response, "status_code", None)
        refused = "user name or password refused (HTTP {}); see --user"
        return (refused if status in (401, 403) else "HTTP {}").format(status)
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.RequestException | OSError):
        return f"connection lost or refused ({kind})"
    return f"no DICOMweb answer ({kind}: {error})"


def answer_study(
    archive: Archive,
    study: str,
    options: ReadOptions | None = None,
    *,
    template: str = TEMPLATE_NAMES[0],
    model: Model | PathLike | None = None,
    n_threads: int | None = None,
    dry_run: bool = False,
) -> StudySummary:
    """Answer every CAD report of a study that has no answer yet.

    Parameters
    ----------
    archive : Archive
    study : str
        Study Instance UID.
    options : ReadOptions, optional
    template : {"tid1500", "cad-sr"}
    model, n_threads
        As `classify.classify` takes them.
    dry_run : bool
        Store nothing.

    Returns
    -------
    StudySummary

    Raises
    ------
    ArchiveError
        The archive fails. What was stored before stays, and another run goes on from there.
    BadInputError
        The archive does not have the study.
    """
    summary = StudySummary()
    if not archive.has_study(study):
        raise BadInputError("a study that the archive has", source=archive.url, value=study)
    verdicts_of = Classifier(model, n_threads)
    try:
        for instance in archive.instances(study):
            uid, class_uid = instance["instance"], instance["class"]
            if class_uid and class_uid not in REPORT_CLASSES:
                summary.skipped.append(f"{uid}: a report of another kind ({class_uid})")
                continue
            try:
                dataset = archive.fetch(study, instance["series"], uid)
            except BadInputError as error:
                summary.failed.append(f"{uid}: {error}")
                continue
            if str(dataset.get("ManufacturerModelName", "")) == ALGORITHM:
                continue
            try:
                reply = reply_to_report(
                    dataset,
                    uid,
                    _find_in(archive, dataset),
                    verdicts_of,
                    options,
                    template=template,
                )
            except ArchiveError:
                raise
            except BadInputError as error:
                kind = summary.skipped if _is_foreign(dataset, uid) else summary.failed
                kind.append(str(error) if uid in str(error) else f"{uid}: {error}")
                continue
            summary.notes += [f"{uid}: {note}" for note in reply.notes]
            _store_once(archive, study, reply.document, summary, dry_run)
    except ArchiveError as error:
        done = len(summary.stored)
        text = f"{error}. {done} answers were stored before; run again to go on"
        raise ArchiveError(text) from None
    return summary


def _store_once(
    archive: Archive, study: str, document: Dataset, summary: StudySummary, dry_run: bool
) -> None:
    uid = str(document.SOPInstanceUID)
    if archive.has_instance(study, uid):
        summary.present.append(uid)
        return
    if not dry_run:
        archive.store(document)
    summary.stored.append(uid)


def _is_foreign(dataset: Dataset, name: str) -> bool:
    """Tell whether an instance is no report of calcifications at all."""
    from calcigram.formats.dicom.reading import parse_report

    try:
        report = parse_report(dataset)
    except BadInputError as error:
        return "a Mammography CAD SR" in error.expected
    return not report.groups and not report.loose


def _find_in(archive: Archive, report: Dataset) -> Any:
    """Return a function that finds the images of a report in the archive.

    Where one is missing it gives an image that names it as its source: CAD reads the image "for
    processing", which many archives do not keep.
    """
    places = evidence(report)
    own_study = str(report.get("StudyInstanceUID", ""))

    def find(uids: Iterable[str]) -> dict[str, Dataset]:
        uids, found = list(uids), {}
        for uid in filter(is_uid, uids):
            study = places[uid][0] if uid in places and places[uid][0] else own_study
            header = archive.header(study, uid) if is_uid(study) else None
            if header is not None:
                found[uid] = header
        missing = set(uids) - set(found)
        for header in archive.mammograms(own_study) if missing else ():
            for source in items_of(header, "SourceImageSequence"):
                uid = text_of(source, "ReferencedSOPInstanceUID")
                if uid in missing:
                    found.setdefault(uid, header)
        return found

    return find


def _without_login(url: str) -> tuple[str, tuple[str, str] | None]:
    """Return a URL without its user name and password, and these.

    Examples
    --------
    >>> _without_login("http://me:secret@localhost:8042/dicom-web")
    ('http://localhost:8042/dicom-web', ('me', 'secret'))
    """
    from urllib.parse import unquote

    parts = urlsplit(url)
    if parts.username is None:
        return url.rstrip("/"), None
    host = parts.netloc.rpartition("@")[2]
    plain = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), parts.query, ""))
    return plain, (unquote(parts.username), unquote(parts.password or ""))


def _uid(instance: Any, tag: str) -> str:
    uid = _value(instance, tag)
    if not is_uid(uid):
        raise ArchiveError(f"the archive answered {uid[:80]!r} in place of a UID")
    return uid


def _value(instance: Any, tag: str) -> str:
    """Return the first value of a tag in DICOM JSON."""
    values = instance.get(tag, {}).get("Value") or [""]
    return str(values[0])


MAX_ANSWER_BYTES, MAX_ANSWER_S = 32 << 20, 300.0
"""Of each answer of an archive, unpacked."""

MAX_UID = 64


class ArchiveError(CalcigramError):
    """The archive cannot be reached, refuses, or answers what it should not."""


def read_bounded(response: Any, **_: Any) -> Any:
    """Read an answer as far as it may go; without this the client reads whatever comes."""
    deadline = time.monotonic() + MAX_ANSWER_S
    body = bytearray()
    for part in response.iter_content(1 << 16):
        body += part
        if len(body) > MAX_ANSWER_BYTES or time.monotonic() > deadline:
            response.close()
            text = f"an answer of more than {MAX_ANSWER_BYTES >> 20} MB, or {MAX_ANSWER_S:g} s"
            raise ArchiveError(text)
    response._content = bytes(body)  # where requests keeps what `content` returns
    start = body.find(DICOM_MAGIC) - DICOM_PREAMBLE
    if start >= 0 and "dicom+json" not in response.headers.get("Content-Type", ""):
        end = body.rfind(b"\r\n--")
        with naming("the instance"):
            check_budget(io.BytesIO(bytes(body[start : end if end > start else None])))
    return response


def is_uid(text: str) -> bool:
    """Tell whether a text is a UID (PS3.5, 9.1); anything else has no place in an address.

    Examples
    --------
    >>> is_uid("1.2.840.1"), is_uid("1.2/../3"), is_uid("")
    (True, False, False)
    """
    return 0 < len(text) <= MAX_UID and set("0123456789.").issuperset(text)
