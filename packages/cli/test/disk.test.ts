import { execFile, spawn } from 'node:child_process'
import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { main, runNixen, type Result } from './run-nixen.ts'

// The command as users run it: a process with arguments, an exit code and two streams.

const run = promisify(execFile)
let folder: string
let raw: string

const nixen = (...args: readonly string[]): Promise<Result> => runNixen(['disk', ...args], { cwd: folder })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nixen-cli-disk-'))
  raw = join(folder, 'disk.raw')
  const file = await open(raw, 'w')
  await file.truncate(64 * 1024 * 1024)
  for (let i = 0; i < 16; i++) await file.write(Buffer.alloc(100_000, i + 1), 0, 100_000, i * 3_000_000)
  await file.close()
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('nixen disk convert', () => {
  test.each(['vhd', 'qcow2', 'vhdx', 'vmdk', 'raw'])('makes a %s that qemu-img finds equal', async (format) => {
    const target = join(folder, `copy.${format}`)
    const { code, stdout } = await nixen('convert', 'disk.raw', `copy.${format}`, '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ source: 'disk.raw', virtualSize: 64 * 1024 * 1024 })
    const qemuName = format === 'vhd' ? 'vpc' : format
    const { stdout: verdict } = await run('qemu-img', ['compare', '-f', 'raw', '-F', qemuName, raw, target])
    expect(verdict).toContain('Images are identical.')
    expect(await nixen('compare', 'disk.raw', `copy.${format}`)).toMatchObject({
      code: 0,
      stdout: 'The disks are identical.\n',
    })
    expect(await nixen('check', `copy.${format}`)).toMatchObject({ code: 0 })
  })

  test('does not touch a file that exists, unless it is told to', async () => {
    await writeFile(join(folder, 'precious.vhd'), 'precious')
    const refused = await nixen('convert', 'disk.raw', 'precious.vhd')
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain('[disk.exists]')
    expect((await stat(join(folder, 'precious.vhd'))).size).toBe(8)
    expect(await nixen('convert', 'disk.raw', 'precious.vhd', '--force')).toMatchObject({ code: 0 })
  })

  test('names the setting that it does not know, and those that there are', async () => {
    const { code, stderr } = await nixen('convert', 'disk.raw', 'x.qcow2', '--set', 'colour=blue')
    expect(code).toBe(1)
    expect(stderr).toMatch(/colour.*\[disk\.bad_setting\]/)
  })
})

describe('nixen disk info', () => {
  test('prints fields for people and one object for programs', async () => {
    expect((await nixen('info', 'disk.raw')).stdout).toMatch(/format: +raw\nvirtual size: 64 MiB \(67108864 bytes\)/)
    expect(JSON.parse((await nixen('info', 'disk.raw', '--json')).stdout)).toMatchObject({
      format: 'raw',
      virtualSize: 67_108_864,
    })
  })

  test('says in one sentence what is wrong, without a stack trace', async () => {
    const { code, stdout, stderr } = await nixen('info', 'nothing.raw')
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: 'nixen: nothing.raw was not found. [disk.not_found]\n',
    })
  })
})

test.each([
  [['info'], /Expected argument for IMAGE/],
  [['inof', 'disk.raw'], /did you mean `info`/],
  [['info', 'disk.raw', '--colour'], /No flag registered for --colour/],
  [['convert', 'disk.raw', 'x.raw', '--set', 'blue'], /"blue" is not NAME=VALUE/],
])('wrong use exits with 2 and says what was expected: %j', async (args, message) => {
  const { code, stderr } = await nixen(...args)
  expect(code).toBe(2)
  expect(stderr).toMatch(message)
})

test('nixen disk compare exits with 3 and names the first byte that differs', async () => {
  const other = await open(join(folder, 'other.raw'), 'w')
  await other.truncate(64 * 1024 * 1024)
  await other.close()
  const { code, stdout } = await nixen('compare', 'disk.raw', 'other.raw')
  expect(code).toBe(3)
  expect(stdout).toBe('The disks differ at byte 0 (0 B): 0x01 in disk.raw, 0x00 in other.raw.\n')
})

describe('nixen disk serve', () => {
  test('serves over a unix socket until it is interrupted, and cleans up', async () => {
    const socket = join(folder, 'nbd.sock')
    const child = spawn(process.execPath, [main, 'disk', 'serve', 'disk.raw', '--socket', socket], { cwd: folder })
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
    await new Promise((resolve) => child.stdout.once('data', resolve))
    const { stdout } = await run('qemu-img', [
      'compare',
      '-f',
      'raw',
      '-F',
      'raw',
      raw,
      `nbd+unix:///?socket=${socket}`,
    ])
    expect(stdout).toContain('Images are identical.')
    child.kill('SIGINT')
    expect(await ended).toBe(0)
    await expect(stat(socket)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test.each([
    [['--listen', '0.0.0.0:1'], 'cli.serve_open'],
    [['--listen', 'here'], 'cli.bad_address'],
    [[], 'cli.serve_where'],
    [['--socket', '/tmp/x', '--tls-key', 'k'], 'cli.tls_pair'],
    [['--socket', '/tmp/x', '--tls-key', 'k', '--tls-cert', 'nothing.pem'], 'cli.cannot_read'],
  ])('refuses %j (%s)', async (args, code) => {
    const result = await nixen('serve', 'disk.raw', ...args)
    expect(result.code).toBe(1)
    expect(result.stderr).toContain(`[${code}]`)
  })
})

describe('what is no image', () => {
  test('a FIFO, a directory and a device are refused at once, and never replaced', async () => {
    await run('mkfifo', ['pipe'], { cwd: folder })
    for (const args of [
      ['info', 'pipe'],
      ['info', '.'],
      ['info', '/dev/zero'],
      ['convert', 'disk.raw', 'pipe', '--to', 'raw', '--force'],
    ]) {
      const { code, stderr } = await nixen(...args)
      expect(code).toBe(1)
      expect(stderr).toContain('[disk.not_a_file]')
    }
    expect((await stat(join(folder, 'pipe'))).isFIFO()).toBe(true)
  })

  test('a VDI and a compressed image are not taken for raw disks, unless asked for', async () => {
    await run('qemu-img', ['convert', '-f', 'raw', '-O', 'vdi', 'disk.raw', 'disk.vdi'], { cwd: folder })
    await writeFile(join(folder, 'disk.gz'), gzipSync(Buffer.alloc(4096)))
    for (const image of ['disk.vdi', 'disk.gz']) {
      const { code, stderr } = await nixen('convert', image, 'garbage.raw')
      expect(code).toBe(1)
      expect(stderr).toContain('[disk.foreign_format]')
      expect(await nixen('info', image, '--format', 'raw')).toMatchObject({ code: 0 })
    }
    await expect(stat(join(folder, 'garbage.raw'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

test('a raw disk that ends within a sector is filled up with zeros', async () => {
  await writeFile(join(folder, 'odd.raw'), Buffer.alloc(777, 5))
  expect(await nixen('convert', 'odd.raw', 'odd.qcow2')).toMatchObject({ code: 0 })
  const { stdout } = await run('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', 'odd.raw', 'odd.qcow2'], {
    cwd: folder,
  })
  expect(stdout).toContain('Images are identical.')
  expect(await nixen('convert', 'odd.raw', 'same.raw')).toMatchObject({ code: 0 })
  expect((await stat(join(folder, 'same.raw'))).size).toBe(777)
})
