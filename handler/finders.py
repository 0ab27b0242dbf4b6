"""What looks at a photo before the network does: for the person, and for faces."""

from pathlib import Path
from typing import NamedTuple

from handler.arrays import Mask, Photo
from handler.faces import Face, FaceFinder
from handler.module_info import FACE_FILE, PERSON_FILE
from handler.person import PersonFinder, head_and_shoulders


class Finders(NamedTuple):
    """Each is None where the archive carries no model of it."""

    person: PersonFinder | None = None
    faces: FaceFinder | None = None

    def describe(self) -> dict[str, str | None]:
        """Return the file of the model behind each, as data."""
        return {"person": PERSON_FILE if self.person else None, "faces": FACE_FILE if self.faces else None}

    def find_person(self, photo: Photo) -> Mask | None:
        """Find whoever is in a photo, uint8 (H, W, 3) RGB, as `PersonFinder.find` does.

        None where nobody is, or there is nothing to find them with.
        """
        return self.person.find(photo) if self.person else None

    def find_faces(self, photo: Photo) -> list[Face] | None:
        """Return the faces in uint8 (H, W, 3) RGB, the largest first; None where there is nothing to find them with.

        A photo in which none is seen is searched again where a person is: of a person a third of it high, the face is
        too small for the first look.
        """
        if self.faces is None:
            return None
        faces = self.faces.find(photo)
        found = None if faces else self.find_person(photo)
        return faces if found is None else self.faces.find_in(photo, head_and_shoulders(found, photo))


NO_FINDERS = Finders()


def load_finders(folder: Path) -> Finders:
    """Load the models in an unpacked archive, once in a worker's life. Raises `cv2.error` for a damaged one."""
    person, faces = folder / PERSON_FILE, folder / FACE_FILE
    return Finders(PersonFinder(person) if person.is_file() else None, FaceFinder(faces) if faces.is_file() else None)
