import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collectBytes } from '@nixen/core'
import { exportVdi, Xapi } from '@nixen/xapi'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { main, runNixen } from './run-nixen.ts'

// The daemon as users start it, seen by our own client.

let folder: string
const children: ChildProcess[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nixen-cli-toolstack-'))
})
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

interface Started {
  readonly url: string
  readonly fingerprint: string
  readonly pools: readonly { readonly name: string; readonly debugUrl?: string }[]
}

async function start(
  ...args: readonly string[]
): Promise<{ child: ChildProcess; started: Started; ended: Promise<number | null> }> {
  const child = spawn(process.execPath, [main, 'toolstack', '--json', '--port', '0', ...args], { cwd: folder })
  children.push(child)
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', (part: Buffer) => resolve(part.toString()))
    child.stderr?.once('data', (part: Buffer) => reject(new Error(part.toString())))
  })
  return { child, started: JSON.parse(line) as Started, ended }
}

const connect = ({ url, fingerprint }: Started) =>
  Xapi.connect({ url, username: 'root', password: 'nixen', tls: { kind: 'pin', fingerprint } })

describe('nixen toolstack', () => {
  test('lets subjects log in with their role, and refuses a role that it does not know', async () => {
    const { child, started, ended } = await start('--vms', '1', '--subject', 'alice:a:b:read-only')
    {
      const { url, fingerprint } = started
      const tls = { kind: 'pin', fingerprint } as const
      await using xapi = await Xapi.connect({ url, username: 'alice', password: 'a:b', tls })
      const [host] = await xapi.client.host.get_all()
      await expect(xapi.client.host.disable(host!)).rejects.toThrow('RBAC_PERMISSION_DENIED')
    }
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    const wrong = await runNixen(['toolstack', '--port', '0', '--subject', 'alice:a:king'], { cwd: folder })
    expect(wrong.code).not.toBe(0)
    expect(wrong.stderr).toContain('"king" is no role')
  })

  test('is a pool that a client can use, with the same inventory for the same seed', async () => {
    const names: string[][] = []
    for (let i = 0; i < 2; i++) {
      const { child, started, ended } = await start('--vms', '12', '--hosts', '2', '--seed', '7')
      {
        await using xapi = await connect(started)
        const vms = [...(await xapi.client.VM.get_all_records()).values()]
        const guests = vms.filter((vm) => !vm.is_a_template && !vm.is_control_domain && !vm.is_a_snapshot)
        expect(guests).toHaveLength(12)
        expect(await xapi.client.host.get_all()).toHaveLength(2)
        names.push(guests.map(({ name_label }) => name_label).toSorted())
      }
      child.kill('SIGTERM')
      expect(await ended).toBe(0)
    }
    expect(names[0]).toEqual(names[1])
  })

  test('keeps its state in a directory, also when it is killed', async () => {
    const args = ['--vms', '3', '--hosts', '1', '--data', 'state']
    const first = await start(...args)
    let uuid: string
    {
      await using xapi = await connect(first.started)
      const vms = [...(await xapi.client.VM.get_all_records()).values()]
      uuid = vms.find(({ power_state, is_a_template }) => power_state === 'Halted' && !is_a_template)!.uuid
      await xapi.client.VM.set_name_label(await xapi.client.VM.get_by_uuid(uuid), 'renamed')
    }
    first.child.kill('SIGKILL')
    await first.ended
    const second = await start(...args)
    {
      await using xapi = await connect(second.started)
      expect(await xapi.client.VM.get_name_label(await xapi.client.VM.get_by_uuid(uuid))).toBe('renamed')
    }
    second.child.kill('SIGTERM')
    expect(await second.ended).toBe(0)
  })

  test('records a pool into a file and starts from it', async () => {
    const first = await start('--vms', '3', '--hosts', '2')
    const { url, fingerprint } = first.started
    const args = ['toolstack', 'record', '--host', url, '--fingerprint', fingerprint, '-o', 'dump.json']
    const env = { NIXEN_XAPI_PASSWORD: 'nixen' }
    const { code, stdout } = await runNixen(args, { cwd: folder, env })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\d+ objects of XCP-ng 8\.3\.0 are in dump\.json\./)
    expect((await runNixen(args, { cwd: folder, env })).stderr).toContain('[cli.cannot_write]')
    expect((await runNixen(args, { cwd: folder })).stderr).toContain('[cli.no_xapi_password]')
    first.child.kill('SIGTERM')
    await first.ended
    const second = await start('--load', 'dump.json')
    expect(second.started.pools).toMatchObject([{ name: first.started.pools[0]?.name, notes: [] }])
    second.child.kill('SIGTERM')
    expect(await second.ended).toBe(0)
  })

  test('gives a VM a real disk, and opens the debug port', async () => {
    const image = join(folder, 'web.raw')
    await writeFile(image, Buffer.alloc(4 * 1024 * 1024, 0xa5))
    const args = ['--vms', '8', '--hosts', '1', '--nbd-port', '0', '--debug-port', '0', '--seed', '7']
    const names = await start(...args)
    await using xapi = await connect(names.started)
    const vm = [...(await xapi.client.VM.get_all_records()).values()].find(
      (record) => record.power_state === 'Halted' && !record.is_a_template && record.VBDs.length > 0,
    )!
    names.child.kill('SIGTERM')
    await names.ended
    const { child, started, ended } = await start(...args, '--image', `${vm.uuid}=${image}`)
    expect(started.pools[0]?.debugUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+/)
    await using again = await connect(started)
    const vdis = [...(await again.client.VDI.get_all_records()).values()]
    const disk = vdis.find(({ virtual_size: size }) => size === 4 * 1024 * 1024)!
    const bytes = await collectBytes(exportVdi(again, await again.client.VDI.get_by_uuid(disk.uuid), { format: 'raw' }))
    expect(bytes.length).toBe(4 * 1024 * 1024)
    expect(bytes.every((byte) => byte === 0xa5)).toBe(true)
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
  })

  test('does not listen for the network with the well-known password', async () => {
    const { code, stderr } = await runNixen(['toolstack', '--listen', '0.0.0.0'], { cwd: folder })
    expect(code).toBe(1)
    expect(stderr).toContain('[cli.toolstack_open]')
  })

  test.each([
    [['--port', '70000'], /not a port/],
    [['--vms', 'many'], /not a whole number/],
    [['--hosts', '0'], /above 0/],
  ])('refuses %j with exit code 2', async (args, message) => {
    const { code, stderr } = await runNixen(['toolstack', ...args], { cwd: folder })
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
  })
})
