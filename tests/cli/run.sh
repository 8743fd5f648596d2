#!/bin/sh
# Drives the built program as a person and a script would. LOAM: the release program; LOAM_TEST: the one with sanitizers.
exec python3 "$(dirname "$0")/drive.py"
