import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { access, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import path from 'node:path'
import { labErrors } from './errors.ts'
import { guardFolder, type Guard } from './guard.ts'

export interface OwnDaemonOptions {
  /** More lines of libvirtd.conf. */
  readonly config?: Readonly<Record<string, string | number>>
  /** More lines of qemu.conf. */
  readonly qemuConfig?: Readonly<Record<string, string | number>>
  /** Files to write into its folder before it starts; `{folder}` in `config` stands for that folder. */
  readonly files?: Readonly<Record<string, string>>
  /** Listens for TCP and TLS too, as `config` says. */
  readonly listen?: boolean
}

/** A libvirt daemon that nobody else uses: its sockets, state, domains and storage are in one folder, and go with it. */
export interface OwnDaemon extends AsyncDisposable {
  /** `qemu:///session?socket=…` */
  readonly uri: string
  readonly socket: string
  /** Everything of it; QEMU may read and write here. */
  readonly folder: string
  /** Whom it and QEMU run as. */
  readonly uid: number
  readonly gid: number
  /** Stops the daemon; what runs goes on. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  start(): Promise<void>
}

/** User that it runs as when we are root: libvirt keeps to the folders of one user only where that is not root. */
const nobody = { uid: 65_534, gid: 65_534 }

/**
 * Starts Debian's libvirtd as an ordinary user, without systemd and D-Bus, with a folder of its own.
 *
 * @throws lab.missing, lab.daemon_failed
 */
export async function startOwnDaemon(options: OwnDaemonOptions = {}): Promise<OwnDaemon> {
  const program = await programOf('libvirtd')
  const own = userInfo()
  const { uid, gid } = own.uid === 0 ? nobody : own
  // Short: a socket's path has 107 characters at most.
  const folder = await mkdtemp('/tmp/nixen-lv-')
  await chown(folder, uid, gid)
  const guard = guardFolder(folder, { uid, gid })
  const daemon = new Daemon({ program, folder, uid, gid, guard, options })
  try {
    await daemon.start()
    return daemon
  } catch (error) {
    await daemon[Symbol.asyncDispose]()
    throw error
  }
}

/** What libvirt found out about the QEMUs of this machine, by file name: seconds of work that the next daemon of this process is spared. */
const probed = new Map<string, Buffer>()
const probedFolder = 'cache/libvirt/qemu/capabilities'

interface DaemonPlace {
  readonly program: string
  readonly folder: string
  readonly uid: number
  readonly gid: number
  readonly guard: Guard
  readonly options: OwnDaemonOptions
}

class Daemon implements OwnDaemon {
  readonly #place: DaemonPlace
  #child: ChildProcess | undefined
  readonly folder: string
  readonly uid: number
  readonly gid: number
  readonly socket: string
  readonly uri: string

  constructor(place: DaemonPlace) {
    this.#place = place
    this.folder = place.folder
    this.uid = place.uid
    this.gid = place.gid
    this.socket = path.join(place.folder, 'run/libvirt/libvirt-sock')
    this.uri = `qemu:///session?socket=${this.socket}`
  }

  async start(): Promise<void> {
    await this.#configure()
    const { program, options } = this.#place
    const log = path.join(this.folder, 'libvirtd.log')
    const args = ['-f', path.join(this.folder, 'libvirtd.conf'), '-p', path.join(this.folder, 'libvirtd.pid')]
    const child = spawn(program, [...args, ...(options.listen ? ['--listen'] : [])], {
      uid: this.uid,
      gid: this.gid,
      env: this.#environment(),
      stdio: 'ignore',
      cwd: this.folder,
    })
    this.#child = child
    const ended = once(child, 'exit')
    for (let tries = 0; tries < 1200; tries++) {
      if (await exists(this.socket)) return
      const gone = await Promise.race([ended.then(() => true), pause(25)])
      if (gone === true) break
    }
    const said = await readFile(log, 'utf8').catch(() => 'it wrote no log')
    throw labErrors.daemon_failed({ reason: said.slice(-1000) })
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (child && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit')
      child.kill(signal)
      await ended
    }
    this.#child = undefined
    await rm(this.socket, { force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    await this.#endGuests()
    const known = path.join(this.folder, probedFolder)
    for (const name of await readdir(known).catch(() => [])) probed.set(name, await readFile(path.join(known, name)))
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
    await this.#place.guard.dismiss()
  }

  /** What the daemon started and left running: QEMU writes its number into a file of ours. */
  async #endGuests(): Promise<void> {
    const folder = path.join(this.folder, 'run/libvirt/qemu/run')
    const names = await readdir(folder).catch(() => [])
    for (const name of names.filter((one) => one.endsWith('.pid'))) {
      const pid = Number(await readFile(path.join(folder, name), 'utf8').catch(() => ''))
      if (pid > 1) await endProcess(pid)
    }
  }

  #environment(): NodeJS.ProcessEnv {
    const at = (name: string): string => path.join(this.folder, name)
    return {
      PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
      HOME: this.folder,
      XDG_RUNTIME_DIR: at('run'),
      XDG_CONFIG_HOME: at('config'),
      XDG_CACHE_HOME: at('cache'),
      XDG_DATA_HOME: at('data'),
    }
  }

  async #configure(): Promise<void> {
    const { config, qemuConfig } = this.#place.options
    const write = async (file: string, values: Readonly<Record<string, string | number>>): Promise<void> => {
      const full = path.join(this.folder, file)
      await mkdir(path.dirname(full), { recursive: true })
      await writeFile(full, lines(values).replaceAll('{folder}', this.folder))
    }
    for (const [name, content] of Object.entries(this.#place.options.files ?? {})) {
      await writeFile(path.join(this.folder, name), content, { mode: 0o600 })
      await chown(path.join(this.folder, name), this.uid, this.gid)
    }
    await write('libvirtd.conf', {
      listen_tls: 0,
      auth_unix_rw: 'none',
      auth_unix_ro: 'none',
      host_uuid: uuidOf(this.folder),
      log_outputs: `3:file:${path.join(this.folder, 'libvirtd.log')}`,
      ...config,
    })
    await write('config/libvirt/qemu.conf', { stdio_handler: 'file', ...qemuConfig })
    const cache = ['cache', 'cache/libvirt', 'cache/libvirt/qemu', probedFolder]
    for (const part of ['run', 'config', 'config/libvirt', ...cache, 'data', 'images']) {
      await mkdir(path.join(this.folder, part), { recursive: true, mode: 0o700 })
      await chown(path.join(this.folder, part), this.uid, this.gid)
    }
    for (const [name, content] of probed) {
      const file = path.join(this.folder, probedFolder, name)
      await writeFile(file, content)
      await chown(file, this.uid, this.gid)
    }
  }
}

function lines(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key} = ${typeof value === 'number' || value.startsWith('[') ? value : `"${value}"`}\n`)
    .join('')
}

/** One for each folder, and the same after a restart. */
function uuidOf(folder: string): string {
  const hex = Buffer.from(folder.slice(-6)).toString('hex').padStart(12, '0')
  return `4e69786e-0000-4000-8000-${hex}`
}

async function endProcess(pid: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    try {
      process.kill(pid, tries === 0 ? 'SIGKILL' : 0)
    } catch {
      return
    }
    await pause(25)
  }
}

async function programOf(name: string): Promise<string> {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin']
  for (const folder of folders) if (await exists(path.join(folder, name))) return path.join(folder, name)
  throw labErrors.missing({ what: name, packages: 'libvirt-daemon libvirt-daemon-driver-qemu qemu-system-x86' })
}

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  )
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}
