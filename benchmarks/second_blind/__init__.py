"""A second independent source of labelled calcification clusters, grown from first principles.

Written from the definitions of the words and from published anatomy alone, without sight of the
project's simulator, features, models or rules, and meant for testing only. A breast is grown in
three dimensions (`breast`, `ducts`, `vessels`), calcium settles in a part of it (`disease`:
`ductal`, `lobular`, `arterial`), every calcification is a small solid body (`forms`, `grains`), an
X-ray machine takes the picture and a detector marks what it sees (`camera`), some of it wrongly
(`reading`). A lesion is kept only where its perfect projection is what its label says (`lesion`,
`definitions`). `generate` deals the labels out (`mix`) and puts the clusters together.

Body frame, in mm: the nipple is the origin, axis 0 points straight back to the chest wall, axis 1
lies in the plane of the picture and axis 2 along the X-ray beam. Image frame: x right, y down.
"""

from .generator import generate

__all__ = ["generate"]
