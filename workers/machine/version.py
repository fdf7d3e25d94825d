"""The version of prunesweep, which its package takes from here: it is known where only the source tree is, too."""

VERSION = "0.1.0"
