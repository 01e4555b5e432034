/** All benchmarks there are. */
import type { Benchmark } from './benchmark.ts';
import { collection } from './collection.ts';
import { engine } from './engine.ts';
import { fingerprint } from './fingerprint.ts';
import { hygiene } from './hygiene.ts';
import { idle } from './idle.ts';
import { markers } from './markers.ts';
import { memory } from './memory.ts';
import { oltp } from './oltp.ts';
import { tpch } from './optimizer/executed.ts';
import { proving } from './optimizer/proving.ts';
import { proof } from './proof.ts';
import { witnesses } from './witnesses.ts';

/** In the order in which they run. */
export const benchmarks: readonly Benchmark[] = [engine, proof, fingerprint, markers, witnesses, idle, memory, hygiene, collection, oltp, tpch, proving];
