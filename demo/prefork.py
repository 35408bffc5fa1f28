# SPDX-License-Identifier: MIT
"""
The workers of multiprocessing, through ctypes: each counts jobs under a lock and is killed
at random. A job that was counted stays counted, once, and no lock is lost.

usage: prefork.py LIBRARY [JOBS]
"""
import ctypes
import multiprocessing
import os
import random
import signal
import sys
import time

WORKERS = 4
KIND_MUTEX, TYPE_I64, INIT_COMMIT = 3, 10, 1 << 8  # of linux/shstate.h
EOWNERDEAD = 130


class Spec(ctypes.Structure):
    """struct shs_spec"""
    _fields_ = [('kind', ctypes.c_uint32), ('type', ctypes.c_uint32),
                ('count', ctypes.c_uint32), ('flags', ctypes.c_uint32),
                ('mode', ctypes.c_uint32), ('meta_size', ctypes.c_uint32),
                ('value', ctypes.c_void_p), ('meta', ctypes.c_void_p),
                ('reserved', ctypes.c_uint64 * 4)]


def must(result):
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


def lock(library, mutex):
    """The values: the total, and what each worker has done."""
    result = library.shs_mutex_lock(mutex)
    if result != -EOWNERDEAD:
        must(result)
    return library.shs_mutex_value(mutex)


def work(library, mutex, number, jobs):
    """Goes on where a worker of that number was killed."""
    done = 0
    while done < jobs:
        values = lock(library, mutex)
        if values[1 + number] < jobs:
            values[1 + number] += 1
            values[0] += 1
            must(library.shs_commit(mutex))
        done = values[1 + number]
        must(library.shs_mutex_unlock(mutex))


def main(path, jobs):
    library = ctypes.CDLL(path)
    library.shs_mutex_value.restype = ctypes.POINTER(ctypes.c_int64)
    library.shs_mutex_value.argtypes = [ctypes.c_void_p]
    mutex = ctypes.c_void_p()
    spec = Spec(kind=KIND_MUTEX, type=TYPE_I64, count=1 + WORKERS, flags=INIT_COMMIT)
    must(library.shs_object_create(None, ctypes.byref(spec), ctypes.byref(mutex)))

    context = multiprocessing.get_context('fork')

    def start(number):
        worker = context.Process(target=work, args=(library, mutex, number, jobs))
        worker.start()
        return worker

    workers = [start(number) for number in range(WORKERS)]
    killed = 0
    while any(worker.exitcode != 0 for worker in workers):
        time.sleep(random.uniform(0.001, 0.02))
        number = random.randrange(WORKERS)
        if workers[number].exitcode is None:
            os.kill(workers[number].pid, signal.SIGKILL)
        for number, worker in enumerate(workers):
            worker.join(0)
            if worker.exitcode not in (None, 0):
                killed += worker.exitcode == -signal.SIGKILL
                workers[number] = start(number)

    values = lock(library, mutex)
    total, done = values[0], values[1:1 + WORKERS]
    print('python: %d workers killed; %d jobs to do, %d counted, by each %s'
          % (killed, WORKERS * jobs, total, done))
    return 0 if total == sum(done) == WORKERS * jobs else 1


if len(sys.argv) < 2:
    sys.exit(__doc__.strip())
sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20000))
