"""The front rooms for programs: camelCase JSON, one error form."""
