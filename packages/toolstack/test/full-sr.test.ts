import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { newUuid, silentLog } from '@nixen/core'
import { checkDisk } from '@nixen/disk'
import { expect, test } from 'vitest'
import { FileSr } from '../src/storage/file-sr/file-sr.ts'

const run = promisify(execFile)
const MiB = 1024 * 1024

test('a full SR answers "no space", keeps what was written, and shows no half disk', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'nixen-full-'))
  const [disk, other] = [newUuid(), newUuid()]
  const child = fileURLToPath(new URL('full-child.ts', import.meta.url))
  // Blocks of 1 KiB: no file gets larger than 16 MiB.
  const shell = `ulimit -f 16384; exec "$0" "$@"`
  const { stdout } = await run('bash', ['-c', shell, process.execPath, child, directory, disk, other])
  const { written, errors }: { written: number[]; errors: string[] } = JSON.parse(stdout)
  expect(new Set(errors)).toEqual(new Set(['SR_BACKEND_FAILURE_44']))
  expect(written.length).toBeGreaterThan(5)
  await using sr = await FileSr.attach({ directory, log: silentLog })
  expect((await sr.scan()).map(({ uuid }) => uuid)).toEqual([disk])
  expect((await readdir(directory)).filter((name) => !name.startsWith('.boot'))).toEqual([`${disk}.vhd`])
  await run('qemu-img', ['info', '-f', 'vpc', join(directory, `${disk}.vhd`)])
  for await (const finding of checkDisk(join(directory, `${disk}.vhd`))) expect.fail(JSON.stringify(finding))
  await using opened = await sr.open(disk, { write: true })
  const bytes = new Uint8Array(2 * MiB)
  for (const block of written) {
    await opened.read(block * 2 * MiB, bytes)
    expect([bytes[0], bytes.at(-1)]).toEqual([block + 1, block + 1])
  }
  // With room again it goes on.
  await opened.writable?.write(62 * MiB, new Uint8Array(2 * MiB).fill(99))
  await opened.read(62 * MiB, bytes)
  expect(bytes.every((byte) => byte === 99)).toBe(true)
  await rm(directory, { recursive: true })
})
