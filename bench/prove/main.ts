import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { figure, type Figure } from '../figure.ts'
import { conversion } from './conversion.ts'
import { files } from './files.ts'
import { instant } from './instant.ts'
import { mirror } from './mirror.ts'

/** What is done with restore points beside restoring them. Each part has a folder of its own that is removed. */
const parts: readonly ((scratch: string) => Promise<Figure[]>)[] = [files, mirror, conversion, instant]

export async function run(): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const part of parts) {
    const scratch = await mkdtemp(join(process.env['NIXEN_BENCH_DIR'] ?? tmpdir(), 'nixen-bench-'))
    try {
      figures.push(...(await part(scratch)))
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  }
  return [...figures, figure('prove', 'load average over a minute at the end', '1', loadavg()[0] ?? 0)]
}
