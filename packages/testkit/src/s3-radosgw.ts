import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Radosgw extends AsyncDisposable {
  /** `http://127.0.0.1:port`; it has no bucket yet. */
  readonly endpoint: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

/**
 * Starts Ceph's S3 gateway over a cluster of one monitor and one object store in memory (Debian's radosgw, ceph-mon, ceph-osd). Takes about
 * 20 seconds, so only for the long tests: unlike s3rver it has conditional writes, versions and object lock.
 */
export async function startRadosgw(): Promise<Radosgw> {
  const directory = await mkdtemp(path.join(tmpdir(), 'nixen-rgw-'))
  const children: ChildProcess[] = []
  const stop = async (): Promise<void> => {
    for (const child of children.reverse()) await stopped(child)
    await rm(directory, { recursive: true, force: true })
  }
  try {
    const port = await freePort()
    const conf = await configure(directory, { monitor: await freePort(), gateway: port })
    const start = (command: string, ...args: string[]): void => {
      children.push(spawn(command, ['-c', conf, ...args, '-f'], { stdio: 'ignore' }))
    }
    await run('ceph-mon', ['-c', conf, '--mkfs', '-i', 'a', '--monmap', path.join(directory, 'monmap')])
    start('ceph-mon', '-i', 'a')
    const osd = crypto.randomUUID()
    await run('ceph', ['-c', conf, '--connect-timeout', '60', 'osd', 'new', osd])
    await run('ceph-osd', ['-c', conf, '-i', '0', '--mkfs', '--osd-uuid', osd])
    start('ceph-osd', '-i', '0')
    const credentials = { accessKeyId: 'NIXENTEST', secretAccessKey: crypto.randomUUID() }
    const keys = ['--access-key', credentials.accessKeyId, '--secret-key', credentials.secretAccessKey]
    await run('radosgw-admin', ['-c', conf, 'user', 'create', '--uid', 'test', '--display-name', 'test', ...keys], {
      timeout: 120_000,
    })
    start('radosgw', '-n', 'client.rgw')
    const endpoint = `http://127.0.0.1:${port}`
    await answers(endpoint)
    return { endpoint, credentials, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function configure(directory: string, ports: { monitor: number; gateway: number }): Promise<string> {
  await mkdir(path.join(directory, 'mon'))
  await mkdir(path.join(directory, 'osd'))
  const fsid = crypto.randomUUID()
  const monitor = `[v1:127.0.0.1:${ports.monitor}]`
  const conf = path.join(directory, 'ceph.conf')
  const settings = {
    fsid,
    'mon host': monitor,
    'mon initial members': 'a',
    'auth cluster required': 'none',
    'auth service required': 'none',
    'auth client required': 'none',
    'public addr': '127.0.0.1',
    'cluster addr': '127.0.0.1',
    'ms bind msgr2': 'false',
    'mon allow pool size one': 'true',
    'mon data avail crit': '1',
    'osd pool default size': '1',
    'osd pool default min size': '1',
    'osd pool default pg num': '4',
    'osd pool default pg autoscale mode': 'off',
    'osd crush chooseleaf type': '0',
    'osd objectstore': 'memstore',
    'memstore device bytes': String(2 ** 31),
    'mon data': path.join(directory, 'mon'),
    'osd data': path.join(directory, 'osd'),
    'run dir': directory,
    'admin socket': path.join(directory, '$name.asok'),
    'log file': path.join(directory, '$name.log'),
    'pid file': '',
    keyring: '/dev/null',
    'rgw frontends': `beast endpoint=127.0.0.1:${ports.gateway}`,
    'rgw thread pool size': '16',
  }
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}`)
  await writeFile(conf, `[global]\n${lines.join('\n')}\n`)
  await run('monmaptool', ['--create', '--fsid', fsid, '--addv', 'a', monitor, path.join(directory, 'monmap')])
  return conf
}

async function answers(endpoint: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      const { ok } = await fetch(endpoint)
      if (ok) return
    } catch (error) {
      if (attempt > 120) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  // Nothing of it is kept: there is no reason to ask politely.
  child.kill('SIGKILL')
  await ended
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}
