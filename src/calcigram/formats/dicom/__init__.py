"""DICOM in and out: Mammography CAD SR, TID 1500 measurement reports, segmentations.

Written after PS3.3 A.35 and PS3.16 (templates 4000 and 1500). Nothing here says anything of
a patient: what is read is where calcifications lie and what a report calls them, what is
written is how their pattern was read. pydicom and highdicom come with the extra ``[dicom]``.
"""
