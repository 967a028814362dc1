"""The engine room: the worker, the schedule, and one thin function per job."""
