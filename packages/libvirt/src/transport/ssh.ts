import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { libvirtErrors } from '../errors.ts'
import { socketPaths } from './sockets.ts'
import type { LibvirtUri } from './uri.ts'

export interface SshOptions {
  /** The program; `ssh` when left out. */
  readonly program?: string | undefined
  /** File with a private key. */
  readonly keyFile?: string | undefined
  /** File with known hosts; the user's when left out. */
  readonly knownHosts?: string | undefined
  /** More arguments, before the host. */
  readonly args?: readonly string[] | undefined
}

/** Through the system's ssh: it knows the user's keys, agents, jump hosts and known hosts. It never asks anything. */
export async function openSsh(uri: LibvirtUri, options: SshOptions, signal: AbortSignal | undefined): Promise<Duplex> {
  const child = spawn(options.program ?? uri.parameters.get('command') ?? 'ssh', sshArguments(uri, options), {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  try {
    await once(child, 'spawn', signal ? { signal } : {})
  } catch (cause) {
    child.kill()
    signal?.throwIfAborted()
    const reason = 'ssh cannot be run; is it installed?'
    throw libvirtErrors.unreachable({ address: uri.text, reason }, { cause })
  }
  return new ChildDuplex(child, uri.text)
}

/** What ssh is run with. */
export function sshArguments(uri: LibvirtUri, options: SshOptions): string[] {
  const { host = '', port, username, parameters } = uri
  const keyFile = options.keyFile ?? parameters.get('keyfile')
  const knownHosts = options.knownHosts ?? parameters.get('known_hosts')
  return [
    '-T',
    '-e',
    'none',
    '-o',
    'BatchMode=yes',
    ...(keyFile === undefined ? [] : ['-i', keyFile, '-o', 'IdentitiesOnly=yes']),
    ...(knownHosts === undefined ? [] : ['-o', `UserKnownHostsFile=${knownHosts}`]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(username === undefined ? [] : ['-l', username]),
    ...(options.args ?? []),
    '--',
    host,
    remoteCommand(uri),
  ]
}

/** What runs on the host: libvirt's own helper where it is, otherwise what connects standard input and output with the socket. */
export function remoteCommand(uri: LibvirtUri): string {
  const socket = uri.parameters.get('socket')
  const helper = `exec virt-ssh-helper ${quote(uri.name)}`
  const paths = socket === undefined ? socketPaths(uri, 0) : [socket]
  const pipes = paths.map((path) => {
    const quoted = quote(path)
    return `if [ -S ${quoted} ]; then if command -v socat >/dev/null 2>&1; then exec socat - UNIX-CONNECT:${quoted}; else exec nc -U ${quoted}; fi; fi`
  })
  const tryHelper = socket === undefined ? [`if command -v virt-ssh-helper >/dev/null 2>&1; then ${helper}; fi`] : []
  return `sh -c ${quote([...tryHelper, ...pipes, `echo 'no socket of libvirt is there' >&2; exit 1`].join('; '))}`
}

const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`

/** The standard input and output of a child as one stream. */
class ChildDuplex extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams
  #said = ''

  constructor(child: ChildProcessWithoutNullStreams, address: string) {
    super()
    this.#child = child
    child.stdout.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout.pause()
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-2000)
    })
    child.stdin.on('error', () => undefined)
    child.on('close', (code) => {
      if (code === 0 || this.destroyed) this.push(null)
      else this.destroy(libvirtErrors.unreachable({ address, reason: this.#said.trim() || `ssh ended with ${code}` }))
    })
  }

  override _read(): void {
    this.#child.stdout.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    // A broken pipe is told by the end of the child, with what it said.
    if (this.#child.stdin.write(chunk)) done()
    else this.#child.stdin.once('drain', () => done())
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child.stdin.end(() => done())
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#child.kill()
    done(error)
  }
}
