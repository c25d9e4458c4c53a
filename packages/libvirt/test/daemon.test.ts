import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import { startOwnDaemon, type OwnDaemon } from '@nixen/cli/local-lab'
import { collectBytes } from '@nixen/core'
import { makeCertificate, type TestCertificate } from '@nixen/testkit/tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { constants as c, inventoryEvents, Libvirt, parseDomain, xml, type LibvirtEvent } from '../src/index.ts'

const run = promisify(execFile)
let daemon: OwnDaemon
let tcpPort = 0
let tlsPort = 0
let authority: TestCertificate
let server: TestCertificate

beforeAll(async () => {
  tcpPort = await freePort()
  tlsPort = await freePort()
  authority = await makeCertificate()
  server = await makeCertificate({ issuer: authority })
  daemon = await startOwnDaemon({
    listen: true,
    files: { 'ca.pem': authority.cert, 'server.pem': server.cert, 'server.key': server.key },
    config: {
      listen_tcp: 1,
      listen_tls: 1,
      listen_addr: '127.0.0.1',
      tcp_port: String(tcpPort),
      tls_port: String(tlsPort),
      auth_tcp: 'none',
      auth_tls: 'none',
      ca_file: '{folder}/ca.pem',
      cert_file: '{folder}/server.pem',
      key_file: '{folder}/server.key',
      tls_no_sanity_certificate: 1,
    },
  })
})

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

const testDriver = (): string => `test:///default?socket=${daemon.socket}`

async function virsh(...args: string[]): Promise<string> {
  const uri = `test+unix:///default?socket=${daemon.socket}`
  return (await run('virsh', ['-c', uri, ...args])).stdout.trim()
}

const domainXml = (name: string): string =>
  xml(
    'domain',
    { type: 'test' },
    xml('name', {}, name),
    xml('memory', {}, 8192),
    xml('os', {}, xml('type', {}, 'hvm')),
  ).toString()

describe('a real daemon', () => {
  test('says what it says to virsh', async () => {
    await using libvirt = await Libvirt.connect({ uri: testDriver() })
    const { domains } = await libvirt.call.connectListAllDomains({ needResults: 1, flags: 0 })
    expect(domains.map(({ name }) => name)).toEqual((await virsh('list', '--all', '--name')).split('\n'))
    const [dom] = domains
    if (!dom) throw new Error('the test driver has a domain')
    const { xml: text } = await libvirt.call.domainGetXmlDesc({ dom })
    expect(text.trim()).toBe(await virsh('dumpxml', 'test'))
    expect(parseDomain(text)).toMatchObject({ name: 'test', uuid: dom.uuid, type: 'test' })
    const { libVer } = await libvirt.call.connectGetLibVersion()
    expect(await virsh('version')).toContain(`${libVer / 1_000_000n}.${(libVer / 1000n) % 1000n}.${libVer % 1000n}`)
    const { retStats } = await libvirt.call.connectGetAllDomainStats({ doms: [], stats: 0 })
    expect(retStats[0]?.params.find(({ field }) => field === 'state.state')?.value).toEqual({ type: 'int', value: 1 })
  })

  test('tells what happens, in order', async () => {
    await using libvirt = await Libvirt.connect({ uri: testDriver() })
    const told: LibvirtEvent[] = []
    await using _listening = await libvirt.listen(inventoryEvents, (event) => told.push(event))
    const { dom } = await libvirt.call.domainDefineXmlFlags({ xml: domainXml('told') })
    await libvirt.call.domainCreateWithFlags({ dom })
    await libvirt.call.domainDestroyFlags({ dom })
    await libvirt.call.domainUndefineFlags({ dom })
    const kinds = (): number[] =>
      told.flatMap((event) => (event.name === 'domainEventCallbackLifecycle' ? [event.message.msg.event] : []))
    await expect
      .poll(kinds)
      .toEqual([
        c.VIR_DOMAIN_EVENT_DEFINED,
        c.VIR_DOMAIN_EVENT_STARTED,
        c.VIR_DOMAIN_EVENT_STOPPED,
        c.VIR_DOMAIN_EVENT_UNDEFINED,
      ])
  })

  test('refuses with all that it knows, and the connection goes on', async () => {
    await using libvirt = await Libvirt.connect({ uri: testDriver() })
    await expect(libvirt.call.domainLookupByName({ name: 'nobody' })).rejects.toMatchObject({
      name: 'LibvirtError',
      code: c.VIR_ERR_NO_DOMAIN,
      procedure: 'REMOTE_PROC_DOMAIN_LOOKUP_BY_NAME',
    })
    expect(await libvirt.call.connectGetType()).toEqual({ type: 'TEST' })
  })

  test('that is older does not know a procedure, and says so', async () => {
    await using libvirt = await Libvirt.connect({ uri: testDriver() })
    const { nets } = await libvirt.call.connectListAllNetworks({ needResults: 1 })
    const [net] = nets
    if (!net) throw new Error('the test driver has a network')
    // Newer than the daemon of Debian 12.
    await expect(libvirt.call.networkGetMetadata({ network: net, type: 0 })).rejects.toMatchObject({
      name: 'LibvirtError',
      code: c.VIR_ERR_RPC,
    })
    expect(libvirt.isOpen).toBe(true)
  })

  test('answers hundreds of calls that overlap', async () => {
    await using libvirt = await Libvirt.connect({ uri: testDriver() })
    const all = await Promise.all(Array.from({ length: 500 }, async () => await libvirt.call.connectGetHostname()))
    expect(new Set(all.map(({ hostname }) => hostname)).size).toBe(1)
  })

  test('is reached by TCP, and by ssh with whatever the host has to join pipe and socket', async () => {
    await using tcp = await Libvirt.connect({ uri: `test+tcp://127.0.0.1:${tcpPort}/default` })
    expect(await tcp.call.connectGetType()).toEqual({ type: 'TEST' })
    const ssh = `${daemon.folder}/ssh`
    // Runs what ssh would run, without a network.
    const relay = `exec ${process.execPath} -e 'process.stdin.pipe(require("net").connect("${daemon.socket}").on("data",(d)=>process.stdout.write(d)).on("close",()=>process.exit(0)))'`
    await mkdir(`${daemon.folder}/bin`)
    await writeFile(`${daemon.folder}/bin/nc`, `#!/bin/sh\n${relay}\n`, { mode: 0o755 })
    await writeFile(ssh, `#!/bin/sh\nfor last; do :; done\nPATH=${daemon.folder}/bin:/bin\nexport PATH\neval "$last"\n`)
    await chmod(ssh, 0o755)
    await using far = await Libvirt.connect({
      uri: `test+ssh://host/default?socket=${daemon.socket}`,
      ssh: { program: ssh },
    })
    expect(await far.call.connectGetType()).toEqual({ type: 'TEST' })
    const wrong = Libvirt.connect({ uri: 'test+ssh://host/default?socket=/nowhere', ssh: { program: ssh } })
    await expect(wrong).rejects.toMatchObject({
      code: 'libvirt.unreachable',
      message: expect.stringContaining('no socket') as string,
    })
  })

  test('is reached by TLS, each side showing its certificate', async () => {
    const uri = `test+tls://127.0.0.1:${tlsPort}/default`
    const own = await makeCertificate({ issuer: authority, commonName: 'client' })
    const mine = { certificate: own.cert, key: own.key }
    for (const trust of [{ ca: authority.cert }, { fingerprint: server.fingerprint }]) {
      await using libvirt = await Libvirt.connect({ uri, tls: { ...trust, ...mine } })
      expect(await libvirt.call.connectGetType()).toEqual({ type: 'TEST' })
      // Without a pause of seconds between them: a daemon sees only the first message of a record of TLS.
      const all = Array.from({ length: 200 }, async () => await libvirt.call.connectGetType({ timeout: 4000 }))
      expect(new Set((await Promise.all(all)).map(({ type }) => type))).toEqual(new Set(['TEST']))
    }
    const unknown = { code: 'libvirt.certificate_untrusted', details: { fingerprint: server.fingerprint } }
    await expect(Libvirt.connect({ uri, tls: mine })).rejects.toMatchObject(unknown)
    await expect(Libvirt.connect({ uri, tls: { ...mine, fingerprint: own.fingerprint } })).rejects.toMatchObject(
      unknown,
    )
    const stranger = await makeCertificate({ issuer: await makeCertificate() })
    const wrong = { ca: authority.cert, certificate: stranger.cert, key: stranger.key }
    await expect(Libvirt.connect({ uri, tls: wrong })).rejects.toMatchObject({ code: 'libvirt.tls_failed' })
  })

  test('that is not there is unreachable', async () => {
    await expect(Libvirt.connect({ uri: 'qemu:///system?socket=/nowhere/sock' })).rejects.toMatchObject({
      code: 'libvirt.unreachable',
    })
    await expect(Libvirt.connect({ uri: 'qemu+tcp://127.0.0.1:1/system' })).rejects.toMatchObject({
      code: 'libvirt.unreachable',
    })
  })

  test('that goes away ends the connection with an error', async () => {
    await using own = await startOwnDaemon()
    await using libvirt = await Libvirt.connect({ uri: `test:///default?socket=${own.socket}` })
    await own.stop('SIGKILL')
    expect(await libvirt.closed).toMatchObject({ code: 'libvirt.lost' })
    await expect(libvirt.call.connectGetType()).rejects.toMatchObject({ code: 'libvirt.closed' })
    await own.start()
    await using again = await libvirt.another()
    expect(await again.call.connectGetType()).toEqual({ type: 'TEST' })
  })
})

describe('streams', () => {
  test('carry volumes there and back, with their holes', async () => {
    await using libvirt = await Libvirt.connect({ uri: daemon.uri })
    const target = xml('target', {}, xml('path', {}, `${daemon.folder}/images`))
    const { pool } = await libvirt.call.storagePoolCreateXml({
      xml: xml('pool', { type: 'dir' }, xml('name', {}, 'p'), target).toString(),
    })
    const size = 24 * 1024 * 1024
    const volume = xml(
      'volume',
      {},
      xml('name', {}, 'v'),
      xml('capacity', {}, size),
      xml('allocation', {}, 0),
      xml('target', {}, xml('format', { type: 'raw' })),
    )
    const { vol } = await libvirt.call.storageVolCreateXml({ pool, xml: volume.toString() })
    const data = randomBytes(5 * 1024 * 1024 + 4096)
    await using bulk = await libvirt.another({ keepalive: false })

    const up = await bulk.stream('storageVolUpload', {
      vol,
      offset: 0n,
      length: 0n,
      flags: c.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM,
    })
    await up.stream.write(data)
    await up.stream.hole(size - 2 * data.length)
    await up.stream.write(data)
    await up.stream.finish()

    const whole = Buffer.concat([data, Buffer.alloc(size - 2 * data.length), data])
    const down = await bulk.stream('storageVolDownload', { vol, offset: 0n, length: 0n })
    expect(Buffer.compare(await collectBytes(down.stream.bytes()), whole)).toBe(0)

    const sparse = await bulk.stream('storageVolDownload', {
      vol,
      offset: 0n,
      length: 0n,
      flags: c.VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM,
    })
    let holes = 0
    const parts: Uint8Array[] = []
    for await (const part of sparse.stream.read()) {
      if (part.kind === 'hole') holes += part.length
      parts.push(part.kind === 'hole' ? new Uint8Array(part.length) : part.bytes)
    }
    expect(Buffer.compare(Buffer.concat(parts), whole)).toBe(0)
    expect(holes).toBeGreaterThan(size - 2 * data.length - 128 * 1024)
    await libvirt.call.storagePoolDestroy({ pool })
  })

  test('that are left early leave the connection as it was', async () => {
    await using libvirt = await Libvirt.connect({ uri: daemon.uri })
    const target = xml('target', {}, xml('path', {}, `${daemon.folder}/images`))
    const { pool } = await libvirt.call.storagePoolCreateXml({
      xml: xml('pool', { type: 'dir' }, xml('name', {}, 'q'), target).toString(),
    })
    const { vol } = await libvirt.call.storageVolLookupByName({ pool, name: 'v' })
    const { stream } = await libvirt.stream('storageVolDownload', { vol, offset: 0n, length: 0n })
    for await (const part of stream.bytes()) if (part.length > 0) break
    expect(await libvirt.call.connectGetType()).toEqual({ type: 'QEMU' })
    await expect(
      libvirt.stream('storageVolDownload', { vol: { ...vol, name: 'w', key: 'w' }, offset: 0n, length: 0n }),
    ).rejects.toMatchObject({ name: 'LibvirtError' })
    expect(await libvirt.call.connectGetType()).toEqual({ type: 'QEMU' })
    await libvirt.call.storagePoolDestroy({ pool })
  })
})
