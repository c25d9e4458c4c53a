import { parseXml, XmlElement } from '@rgrove/parse-xml'
import { expect, test } from 'vitest'
import { logIn, quickToolstack } from './client.ts'

test('the database is dumped as XML that a parser reads, values in the form of the host', async () => {
  await using toolstack = await quickToolstack({ vms: 3 })
  const client = await logIn(toolstack.url)
  const [vm] = await client.call('VM.get_all')
  await client.call('VM.set_name_label', vm, 'a <b> "c" \'d\'\n')
  await client.call('VM.set_other_config', vm, { key: "it's" })
  const response = await fetch(`${toolstack.url}/pool/xmldbdump?session_id=${client.session}`)
  const { root } = parseXml(await response.text())
  const elements = (parent: XmlElement | null): XmlElement[] =>
    (parent?.children ?? []).filter((child): child is XmlElement => child instanceof XmlElement)
  const table = elements(root).find(({ attributes }) => attributes['name'] === 'VM')
  const row = elements(table ?? null).find(({ attributes }) => attributes['ref'] === vm)
  expect(row?.attributes).toMatchObject({
    name_label: 'a <b> "c" \'d\'\n',
    other_config: String.raw`(('key' 'it\'s'))`,
  })
  expect((await fetch(`${toolstack.url}/pool/xmldbdump`)).status).toBe(401)
})
