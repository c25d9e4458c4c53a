import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseXml, XmlElement } from '@rgrove/parse-xml'
import { describe, expect, test } from 'vitest'
import { find, logIn, quickToolstack, type Loose, type TestClient } from './client.ts'

async function dump(client: TestClient): Promise<string> {
  const response = await fetch(`${client.url}/pool/xmldbdump?session_id=${client.session}`)
  return await response.text()
}

/** The text without what counts changes. */
const settled = (xml: string): string =>
  xml.replace(/__[cm]time="\d+"/g, '').replace(/key="generation_count" value="\d+"/, '')

/** Puts a database in the place of the pool's. The error of the task, empty if there was none or the restart has removed the task. */
async function restore(client: TestClient, xml: string, query = ''): Promise<readonly string[]> {
  const task = await client.call('task.create', 'restore', '')
  const response = await fetch(`${client.url}/pool/xmldbdump?session_id=${client.session}&task_id=${task}${query}`, {
    method: 'PUT',
    body: xml,
  })
  expect(response.status).toBe(200)
  await response.text()
  return await client.call('task.get_error_info', task).catch(() => [])
}

describe('the database', () => {
  test('is dumped as XML that a parser reads, values in the form of the host', async () => {
    await using toolstack = await quickToolstack({ vms: 3 })
    const client = await logIn(toolstack.url)
    const [vm] = await client.call('VM.get_all')
    await client.call('VM.set_name_label', vm, 'a <b> "c" \'d\'\n')
    await client.call('VM.set_other_config', vm, { key: "it's" })
    const { root } = parseXml(await dump(client))
    const elements = (parent: XmlElement | null): XmlElement[] =>
      (parent?.children ?? []).filter((child): child is XmlElement => child instanceof XmlElement)
    const table = elements(root).find(({ attributes }) => attributes['name'] === 'VM')
    const row = elements(table ?? null).find(({ attributes }) => attributes['ref'] === vm)
    expect(row?.attributes).toMatchObject({
      _ref: vm,
      name__label: 'a%.<b>%."c"%.\'d\'%n',
      other_config: String.raw`(('key'%.'it\'s'))`,
    })
    expect((await fetch(`${toolstack.url}/pool/xmldbdump`)).status).toBe(401)
  })

  test('is restored from its dump, also over a restart, and all sessions end', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'toolstack-'))
    let before = ''
    {
      await using toolstack = await quickToolstack({ dataDir, hosts: 2, vms: 6 })
      const client = await logIn(toolstack.url)
      before = settled(await dump(client))
      const xml = await dump(client)
      const [vm] = await find(client, 'VM', (each) => each.power_state === 'Halted' && !each.is_a_template)
      await client.call('VM.destroy', vm)
      const made = await client.call('network.create', {
        name_label: 'new',
        name_description: '',
        MTU: 1500,
        other_config: {},
        tags: [],
      })
      expect(await restore(client, xml, '&dry_run=true')).toEqual([])
      expect((await client.refusal('VM.get_record', vm))[0]).toBe('HANDLE_INVALID')
      const { token } = await client.call('event.from', ['network'], '', 1)
      const waiting = client.call('event.from', ['nothing'], token, 30).catch((error: Error) => error.message)
      await restore(client, xml)
      expect(await waiting).toMatch('SESSION_INVALID')
      const again = await logIn(toolstack.url)
      expect(settled(await dump(again))).toBe(before)
      // Who goes on with an old token sees what is gone, and what came back.
      const { events } = await again.call('event.from', ['network', 'vm'], token, 1)
      expect(events).toContainEqual(expect.objectContaining({ operation: 'del', ref: made }))
      expect(events.some((event: Loose) => event.ref === vm && event.operation !== 'del')).toBe(true)
      await again.call('VM.start', vm, false, false)
      await again.call('VM.hard_shutdown', vm)
    }
    await using toolstack = await quickToolstack({ dataDir })
    const client = await logIn(toolstack.url)
    expect(await client.call('host.get_all')).toHaveLength(2)
    expect(await client.call('network.get_by_name_label', 'new')).toEqual([])
    await rm(dataDir, { recursive: true })
  })

  test('comes back without losing a disk that was made since', async () => {
    await using toolstack = await quickToolstack()
    const client = await logIn(toolstack.url)
    const xml = await dump(client)
    const [SR] = await find(client, 'SR', ({ type }) => type === 'ext')
    const fields = { name_label: 'late', name_description: '', virtual_size: 1024 * 1024, type: 'user' }
    const kept = { sharable: false, read_only: false, other_config: {}, sm_config: {}, xenstore_data: {}, tags: [] }
    const uuid = await client.call('VDI.get_uuid', await client.call('VDI.create', { ...fields, ...kept, SR }))
    await restore(client, xml)
    const again = await logIn(toolstack.url)
    expect(await again.refusal('VDI.get_by_uuid', uuid)).toEqual(['UUID_INVALID', 'VDI', uuid])
    await again.call('SR.scan', SR)
    expect(await again.call('VDI.get_SR', await again.call('VDI.get_by_uuid', uuid))).toBe(SR)
  })

  test('of another pool brings its machines to the master here', async () => {
    await using toolstack = await quickToolstack({ pools: 2, hosts: 2, vms: 4 })
    const [first, second] = toolstack.pools
    const [here, there] = [await logIn(first!.url), await logIn(second!.url)]
    const xml = await dump(there)
    const names = Object.values<Loose>(await there.call('VM.get_all_records')).map((vm) => vm.name_label)
    // Its member would belong to nobody.
    expect((await restore(here, xml))[0]).toBe('OPERATION_NOT_ALLOWED')
    const [, { master }] = await find(here, 'pool')
    const hosts: string[] = await here.call('host.get_all')
    for (const [vm, { power_state, is_control_domain }] of Object.entries<Loose>(
      await here.call('VM.get_all_records'),
    )) {
      if (power_state !== 'Halted' && !is_control_domain) await here.call('VM.hard_shutdown', vm)
    }
    await here.call(
      'pool.eject',
      hosts.find((host) => host !== master),
    )
    await restore(here, xml)
    const again = await logIn(first!.url)
    const [, host] = await find(again, 'host')
    expect(host.address).toBe('127.0.1.1')
    expect(await again.call('host.get_all')).toHaveLength(1)
    const kept = Object.values<Loose>(await again.call('VM.get_all_records')).map((vm) => vm.name_label)
    // All but the control domain of the host that is not here.
    expect(kept).toHaveLength(names.length - 1)
    for (const vm of Object.values<Loose>(await again.call('VM.get_all_records'))) {
      expect(vm.resident_on === 'OpaqueRef:NULL').toBe(vm.power_state === 'Halted' || vm.power_state === 'Suspended')
    }
  })

  test('stays as it is when what comes is none', async () => {
    await using toolstack = await quickToolstack({ vms: 2 })
    const client = await logIn(toolstack.url)
    const before = await dump(client)
    const refused = async (xml: string): Promise<string | undefined> => (await restore(client, xml))[0]
    expect(await refused('no XML')).toBe('INTERNAL_ERROR')
    expect(await refused('<other/>')).toBe('INTERNAL_ERROR')
    expect(await refused(before.slice(0, before.length / 2))).toBe('INTERNAL_ERROR')
    expect(await refused(before.replace(/(schema_minor_vsn" value=")\d+/, '$199999'))).toBe(
      'RESTORE_INCOMPATIBLE_VERSION',
    )
    expect(await refused(before.replace(/<table name="pool">.*?<\/table>/, ''))).toBe('INTERNAL_ERROR')
    expect(await refused(before.replace(/power_state="[A-Z][a-z]+"/, 'power_state="Flying"'))).toBe('INVALID_VALUE')
    expect(await refused(before.replaceAll(/ management="true"/g, ' management="false"'))).toBe(
      'RESTORE_TARGET_MGMT_IF_NOT_IN_BACKUP',
    )
    expect(await refused(before.replaceAll(/ device="eth1"/g, ' device="eth7"'))).toBe('RESTORE_TARGET_MISSING_DEVICE')
    expect(settled(await dump(client))).toBe(settled(before))
  })
})
