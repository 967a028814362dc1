"""What the background did: runs that found work, and signs of life."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Base


class JobRun(Base):
    """One run of one job. Runs that did nothing leave no row."""

    __tablename__ = "job_run"
    __table_args__: Any = (
        CheckConstraint("ended_at >= started_at", name="order"),
        Index("ix_job_run_recent", "job_name", "started_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    job_name: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    is_success: Mapped[bool]
    processed: Mapped[int] = mapped_column(default=0)
    errors: Mapped[int] = mapped_column(default=0)
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Heartbeat(Base):
    """When a process of this name was last alive, by PostgreSQL's clock."""

    __tablename__ = "heartbeat"

    name: Mapped[str] = mapped_column(primary_key=True)
    beat_at: Mapped[datetime]
    holder: Mapped[str]
