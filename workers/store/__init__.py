"""Where everything lies that sweeps produce: one folder or bucket, on any filesystem.

    store.json                                   the version of this layout
    lease.json                                   who drives the store now
    leases/<number>-of-<count>.json              who drives a shard of it now
    results/<trial>-<step>-<evaluation>.parquet  one record with its layers and curve: published once, never changed
    details/<the same name>                      the layers and the curve of a record of an early version
    conflicts/<the same name>-<checksum>.parquet a record that differs from the published one
    checkpoints/<trial>/<step>.safetensors       the states at stops that are kept
    progress/<trial>/<step>.safetensors          partial states: the newest two of a trial that is not finished
    failures/<trial>.json                        how a trial failed
    attempts/<trial>.json                        how often attempts at a trial have failed (early versions: `losses/`)
    sweeps/<number>-<name>/sweep.json            a resolved sweep
    sweeps/<number>-<name>/cells.parquet         its cells, as they were planned
    sweeps/<number>-<name>/retired.json          it is retired: left out of tables, figures and status
    facts/<key>.json                             what plans need to know of a data set or a network
    logs/<trial>/<attempt>.log                   what an attempt at a trial logged
    cache/records.parquet                        all records in one file; can be deleted at any time
    cache/records-HEX.parquet                    some records that are not in that one yet, likewise
    quarantine/<path>                            what `verify --repair` has set aside

A stop is done if and only if its record (or its checkpoint) is there; there is no other bookkeeping.

Nothing here imports torch, Ray or the orchestrator, and nothing in a store is ever unpickled.
"""

from workers.store.store import Store

__all__ = ["Store"]
