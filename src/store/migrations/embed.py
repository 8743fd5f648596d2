#!/usr/bin/env python3
"""Build tool: writes the C file that holds the migrations.    embed.py OUTPUT.c 0001_NAME.sql 0002_NAME.sql ..."""
import os
import re
import sys

out, paths = sys.argv[1], sys.argv[2:]
for number, path in enumerate(paths, 1):
    if not re.fullmatch(rf"{number:04}_[a-z_]+\.sql", os.path.basename(path)):
        sys.exit(f"{path}: migration {number} must be called {number:04}_name.sql: they run in order, without gaps")
with open(out, "w", encoding="utf-8") as f:
    f.write('#include "store/store_int.h"\n\nconst loam_store_migration loam_store_migrations[] = {\n')
    for path in paths:
        f.write(f'    {{"{os.path.basename(path)}",\n')
        with open(path, encoding="utf-8") as sql:
            for line in sql:
                quoted = line.rstrip("\n").replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?")
                f.write(f'     "{quoted}\\n"\n')
        f.write("    },\n")
    f.write(f"}};\nconst int loam_store_n_migrations = {len(paths)};\n")
