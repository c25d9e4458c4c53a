import { execFile } from 'node:child_process'
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { labErrors } from './errors.ts'
import { cpio, type CpioEntry } from './cpio.ts'
import { guestDhcp, guestInit, guestModules } from './guest-init.ts'

const run = promisify(execFile)

/** What a guest boots from, and its data disk. */
export interface TinyGuest {
  readonly kernel: string
  readonly initrd: string
  /** qcow2 with an ext4 on it. */
  readonly disk: string
  /** Bytes. */
  readonly diskSize: number
}

export interface TinyGuestOptions {
  /** Folder to write into. */
  readonly folder: string
  /** Files on its data disk, by path. */
  readonly files?: Readonly<Record<string, Uint8Array | string>>
  /** Bytes; 64 MiB when left out. */
  readonly diskSize?: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Makes a Linux that boots in a few seconds without acceleration, of Debian's own packages: cloud kernel, busybox, QEMU guest agent. Nothing is
 * mounted, nobody has to be root.
 *
 * @throws lab.missing with the packages to install
 */
export async function buildTinyGuest({
  folder,
  files = {},
  diskSize = 64 * 1024 ** 2,
  signal,
}: TinyGuestOptions): Promise<TinyGuest> {
  const version = await kernelVersion()
  const guest = {
    kernel: path.join(folder, 'vmlinuz'),
    initrd: path.join(folder, 'initrd.img'),
    disk: path.join(folder, 'data.qcow2'),
    diskSize,
  }
  await mkdir(folder, { recursive: true })
  await copyFile(`/boot/vmlinuz-${version}`, guest.kernel)
  await writeFile(guest.initrd, gzipSync(cpio(await initramfs(version)), { level: 1 }))
  await dataDisk(guest, { folder, files, signal })
  return guest
}

/** The newest kernel of the package linux-image-cloud-amd64. */
async function kernelVersion(): Promise<string> {
  const [newest] = (await readdir('/boot').catch(() => []))
    .filter((name) => /^vmlinuz-.*-cloud-(amd64|arm64)$/.test(name))
    .toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }))
  if (newest === undefined)
    throw labErrors.missing({ what: 'a kernel for guests', packages: 'linux-image-cloud-amd64' })
  return newest.slice('vmlinuz-'.length)
}

async function initramfs(version: string): Promise<CpioEntry[]> {
  const agent = await existing('/usr/sbin/qemu-ga', 'qemu-guest-agent')
  const files: CpioEntry[] = [
    await copied('bin/busybox', await existing('/bin/busybox', 'busybox-static')),
    await copied('sbin/qemu-ga', agent),
    { path: 'init', kind: 'file', content: guestInit, executable: true },
    { path: 'udhcpc', kind: 'file', content: guestDhcp, executable: true },
  ]
  for (const library of await librariesOf(agent)) files.push(await copied(library.slice(1), library))
  const modules = await modulesOf(version)
  for (const name of guestModules) {
    const file = modules.get(name)
    if (file !== undefined) files.push(await copied(`modules/${name}.ko`, file))
  }
  return [...foldersOf(files), ...files]
}

async function existing(file: string, packages: string): Promise<string> {
  await readFile(file).catch((cause: unknown) => {
    throw labErrors.missing({ what: file, packages }, { cause })
  })
  return file
}

async function copied(target: string, source: string): Promise<CpioEntry> {
  return { path: target, kind: 'file', content: await readFile(source), executable: true }
}

/** All shared libraries that a program needs, by the paths at which it looks for them. */
async function librariesOf(program: string): Promise<readonly string[]> {
  const { stdout } = await run('ldd', [program])
  return [...stdout.matchAll(/(?:=> |^\s*)(\/\S+)/gm)].map(([, file = '']) => file)
}

async function modulesOf(version: string): Promise<ReadonlyMap<string, string>> {
  const folder = `/lib/modules/${version}/kernel`
  const names = await readdir(folder, { recursive: true })
  return new Map(
    names.filter((name) => name.endsWith('.ko')).map((name) => [path.basename(name, '.ko'), path.join(folder, name)]),
  )
}

function foldersOf(files: readonly CpioEntry[]): CpioEntry[] {
  const folders = new Set<string>()
  for (const file of files) {
    for (let at = file.path.indexOf('/'); at > 0; at = file.path.indexOf('/', at + 1))
      folders.add(file.path.slice(0, at))
  }
  return [...folders].toSorted().map((folder) => ({ path: folder, kind: 'folder' }))
}

async function dataDisk(
  { disk, diskSize }: TinyGuest,
  {
    folder,
    files,
    signal,
  }: Pick<TinyGuestOptions, 'signal'> & { folder: string; files: Readonly<Record<string, Uint8Array | string>> },
): Promise<void> {
  const content = path.join(folder, 'data')
  const raw = path.join(folder, 'data.raw')
  await mkdir(content, { recursive: true })
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(content, name)), { recursive: true })
    await writeFile(path.join(content, name), bytes)
  }
  const options = signal ? { signal } : {}
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }
  await run('mke2fs', ['-q', '-t', 'ext4', '-F', '-d', content, '-L', 'data', raw, `${Math.ceil(diskSize / 1024)}k`], {
    ...options,
    env,
  })
  await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, disk], options)
  await rm(raw)
  await rm(content, { recursive: true })
}
