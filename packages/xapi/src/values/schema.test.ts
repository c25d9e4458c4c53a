import { describe, expect, test } from 'vitest'
import { readModel, readOverrides } from '../../scripts/gen/model.ts'
import { classNames, classOfEvent, eventClassNames, fieldsOf, messageTypes, typeText } from './schema.ts'
import { parseType } from './type.ts'

const model = readModel()
const overrides = readOverrides()
// A secret is a string on the wire; the class of that name is not meant.
const plain = (type: string): string => type.replaceAll(/(?<!:)\bsecret\b/g, 'string')

describe('schema', () => {
  test('knows every class of the data model', () => {
    expect(classNames).toEqual(model.classes.map(({ name }) => name))
    expect(classNames).toHaveLength(73)
  })

  test.each(model.classes.filter(({ name }) => name !== 'event'))(
    'has every field of $name that a host sends',
    (type) => {
      const found = [...(fieldsOf(type.name) ?? [])].map(([name, fieldType]) => [name, typeText(fieldType)])
      expect(found).toEqual(
        type.fields.filter(({ internal }) => !internal).map((field) => [field.name, plain(field.type)]),
      )
    },
  )

  test.each(model.classes)('has the types of every message of $name', (type) => {
    const hidden = new Set(type.fields.filter(({ internal }) => internal).map(({ name }) => name))
    for (const message of type.messages) {
      if (message.field !== undefined && hidden.has(message.field)) continue
      const types = messageTypes(type.name, message.name)
      const result = plain(types?.result ?? '')
      expect({ ...types, result, params: types?.params.map(plain), name: message.name }).toEqual({
        name: message.name,
        params: message.params.map((param) => plain(param.type)),
        result: overrides.resultTypes[`${type.name}.${message.name}`] ?? plain(message.result),
        session: message.session,
      })
    }
  })

  test('has no types for what the data model does not know', () => {
    expect(fieldsOf('VM_of_tomorrow')).toBeUndefined()
    expect(fieldsOf('constructor')).toBeUndefined()
    expect(messageTypes('VM', 'levitate')).toBeUndefined()
    expect(messageTypes('VM', 'get_nothing')).toBeUndefined()
    expect(messageTypes('__proto__', 'toString')).toBeUndefined()
  })

  test('finds the class of the lower-case name in an event', () => {
    expect(classOfEvent('vm_guest_metrics')).toBe('VM_guest_metrics')
    expect(classOfEvent('pbd')).toBe('PBD')
    expect(classOfEvent('hovercraft')).toBeUndefined()
    expect(eventClassNames).toContain('message')
  })
})

describe('parseType', () => {
  test.each(['string', 'set(set(string))', 'map(ref:VM,map(string,string))', 'option(record:sr_stat)', 'enum:on_boot'])(
    'reads %s and writes it back',
    (text) => expect(typeText(parseType(text))).toBe(text),
  )

  test.each([
    '',
    'strin',
    'set(',
    'set(string',
    'map(string)',
    'set(string))',
    'enum:',
    'ref',
    'set(string)x',
    'constructor',
  ])('refuses %j', (text) => expect(() => parseType(text)).toThrow(SyntaxError))
})
