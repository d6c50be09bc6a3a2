#!/usr/bin/env python3
"""Random libraries against the wire format.

Each round makes a library of random types with random values, and computes the bytes of each value by an encoder that is
written from the description of the wire format alone and shares nothing with ours. A C program, compiled with sanitizers,
then checks that the values encode to these bytes, that the bytes decode to values which encode to them again, that deep
copies do too, and that bytes damaged or cut in any way harm nobody and leak no handle.
"""
import argparse
import os
import random
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is written beside the sources

import model
import emit_c

FLAGS = ['-std=gnu11', '-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-Wall', '-Wextra',
         '-Wconversion', '-Wpedantic', '-Werror']


def run(command):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
    if result.returncode != 0:
        sys.stderr.write(' '.join(command) + '\n' + result.stdout.decode(errors='replace')[:4000])
        raise SystemExit(1)


def available(compilers):
    return [c for c in compilers
            if subprocess.run(['sh', '-c', 'command -v ' + c], stdout=subprocess.DEVNULL, check=False).returncode == 0]


def compile_runtime(args, compiler, folder):
    objects = []
    for source in args.runtime:
        target = os.path.join(folder, f'{compiler}-{os.path.basename(source)}.o')
        run([compiler, *FLAGS, '-Wno-error', '-w', '-D_GNU_SOURCE', *args.includes, '-c', source, '-o', target])
        objects.append(target)
    return objects


def one_round(args, seed, folder, runtimes):
    library = model.Library(random.Random(seed))
    fidl = os.path.join(folder, f'round{seed}.fidl')
    with open(fidl, 'w', encoding='utf-8') as out:
        out.write(library.text())
    run([args.fidlc, '--plugin', f'{args.fidlgen}:{folder}', '--files', args.zx, '--files', fidl])
    main = os.path.join(folder, f'round{seed}.c')
    with open(main, 'w', encoding='utf-8') as out:
        out.write(emit_c.program(library, seed))
    for compiler, runtime in runtimes.items():
        program = os.path.join(folder, f'round{seed}-{compiler}')
        run([compiler, *FLAGS, '-I' + folder, *args.includes, main, os.path.join(folder, 'fidl/test.random.c'), *runtime,
             '-o', program])
        run([program])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--fidlc', required=True)
    parser.add_argument('--fidlgen', required=True)
    parser.add_argument('--zx', required=True, help='zx.fidl')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=2)
    parser.add_argument('--include', dest='includes', action='append', default=[])
    parser.add_argument('--compiler', dest='compilers', action='append', default=[])
    parser.add_argument('runtime', nargs='+', help='sources to link with')
    args = parser.parse_args()
    args.includes = ['-I' + i for i in args.includes]
    with tempfile.TemporaryDirectory() as folder:
        compilers = available(args.compilers or ['gcc', 'clang'])
        runtimes = {c: compile_runtime(args, c, folder) for c in compilers}
        for seed in range(args.seed, args.seed + args.rounds):
            print(f'seed {seed}', flush=True)
            one_round(args, seed, folder, runtimes)


if __name__ == '__main__':
    main()
