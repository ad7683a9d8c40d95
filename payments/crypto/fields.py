"""Model fields whose database value is sealed, and opened only when somebody looks.

The associated data is `table:primary key:column`, so the primary key must be known before the
first save (ours are UUIDs made in Python). `QuerySet.update()` does not know the row and is
refused: it could only write a value that opens nowhere.
"""

import json
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.query_utils import DeferredAttribute

from payments.crypto.keyring import key_ring


class _Sealed(bytes):
    """Ciphertext as it came from the database."""


class _OpensWhenRead(DeferredAttribute):
    """Keeps ciphertext until the attribute is read; plain values are kept as they are."""

    field: "SealedField"

    def __get__(self, instance: models.Model | None, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if instance is None or not isinstance(value, _Sealed):
            return value
        return self.field.from_bytes(key_ring().open(value, self.field.place_of(instance)))

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


# Generic for the type checker only: Django's own fields take no parameters.
if TYPE_CHECKING:
    _BinaryField = models.BinaryField[Any, Any]
else:
    _BinaryField = models.BinaryField


class SealedField(_BinaryField):
    """Bytes, encrypted at rest."""

    descriptor_class = _OpensWhenRead

    def place_of(self, instance: models.Model) -> bytes:
        """The associated data of this column in this row."""
        return f"{self.model._meta.db_table}:{instance.pk}:{self.column}".encode()

    def to_bytes(self, value: Any) -> bytes:
        return bytes(value)

    def from_bytes(self, value: bytes) -> Any:
        return value

    def sealed_anew(self, instance: models.Model) -> Any:
        """A row's value as the newest key seals it. Raises CannotOpen."""
        place = self.place_of(instance)
        return _Sealed(key_ring().seal(key_ring().open(self.sealed_in(instance), place), place))

    def sealed_in(self, instance: models.Model) -> bytes:
        """A row's value as it lies in the database."""
        return bytes(instance.__dict__[self.attname])

    def from_db_value(self, value: Any, expression: object, connection: object) -> Any:
        return None if value is None else _Sealed(bytes(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = model_instance.__dict__.get(self.attname)
        if value is None or isinstance(value, _Sealed):
            return value
        return _Sealed(key_ring().seal(self.to_bytes(value), self.place_of(model_instance)))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is not None and not isinstance(value, _Sealed):
            raise TypeError(f"{self} is sealed by save(); update() would store it in clear.")
        return super().get_db_prep_value(value, connection, prepared)


class SealedJSONField(SealedField):
    """A JSON value, encrypted at rest."""

    def to_bytes(self, value: Any) -> bytes:
        return json.dumps(value, separators=(",", ":")).encode()

    def from_bytes(self, value: bytes) -> Any:
        return json.loads(value)
