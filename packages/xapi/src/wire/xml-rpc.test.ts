import { isAppError } from '@nixen/core'
import { parseXml, XmlElement, XmlText } from '@rgrove/parse-xml'
import fc from 'fast-check'
import { cpuTimeOf } from '@nixen/testkit/cpu-time'
import { describe, expect, test } from 'vitest'
import { encodeValue } from '../values/encode.ts'
import { writeXmlValue } from './xml-write.ts'
import {
  decodeTaskResult,
  decodeXmlRpcCall,
  decodeXmlRpcResponse,
  decodeXmlRpcValue,
  encodeTaskResult,
  encodeXmlRpcCall,
  encodeXmlRpcFault,
  encodeXmlRpcResponse,
} from './xml-rpc.ts'

const badXml = expect.objectContaining({ code: 'xapi.bad_xml' }) as Error

// Text as it is left after XML has dropped what it can't hold.
const sound = fc.string({ unit: 'binary' }).map((text) =>
  // oxlint-disable-next-line no-control-regex
  text.replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '').toWellFormed(),
)
const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    sound,
    fc.maxSafeInteger().map((n) => n + 0),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
    fc.double({ noInteger: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(sound, fc.constant('__proto__')), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value

describe('XML-RPC', () => {
  test('reads back every value that it writes', () => {
    fc.assert(
      fc.property(value, (item) => {
        expect(decodeXmlRpcValue(writeXmlValue(item))).toEqual(item)
      }),
    )
  })

  test('reads back calls and answers', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 3 }), (params) => {
        expect(decodeXmlRpcCall(encodeXmlRpcCall('VM.start', params))).toEqual({ method: 'VM.start', params })
        const failed = { ok: false, code: 'VM_BAD_POWER_STATE', params: ['a', '<&>'] } as const
        expect(decodeXmlRpcResponse(encodeXmlRpcResponse(failed))).toEqual(failed)
      }),
    )
  })

  test('writes what another parser reads the same', () => {
    fc.assert(
      fc.property(value, (item) => {
        const text = writeXmlValue(item)
        expect(independent(parseXml(text).root)).toEqual(decodeXmlRpcValue(text))
      }),
    )
  })

  test('takes no document that another parser refuses, whatever is done to a good one', () => {
    const good = encodeXmlRpcResponse({ ok: true, result: { a: ['x & y', 1, true, null], b: { c: 'é\r\n' } } })
    const damage = fc.record({
      at: fc.nat(good.length),
      length: fc.nat(4),
      text: fc.constantFrom('', '<', '>', '&', '&amp;', '</value>', '<value>', '<!--x-->', '\u0001', ']]>', 'x'),
    })
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 3 }), (changes) => {
        let text = good
        for (const { at, length, text: put } of changes) text = text.slice(0, at) + put + text.slice(at + length)
        const [ours, theirs] = [failureOf(() => decodeXmlRpcResponse(text)), failureOf(() => parseXml(text))]
        expect(ours === undefined || isAppError(ours, 'xapi.bad_xml')).toBe(true)
        expect({ text, refused: ours !== undefined || theirs === undefined }).toEqual({ text, refused: true })
      }),
      { numRuns: 1000 },
    )
  })

  test('writes integers of a host as text, and dates and floats by the type', () => {
    const result = encodeValue(
      'map(ref:VM,record:VM)',
      new Map([['r', { memory_target: 2n ** 60n, VCPUs_max: 3, snapshot_time: 0 }]]),
    )
    const text = encodeXmlRpcResponse({ ok: true, result }, { type: 'map(ref:VM,record:VM)' })
    expect(text).toContain('<name>memory_target</name><value>1152921504606846976</value>')
    expect(text).toContain('<name>VCPUs_max</name><value>3</value>')
    expect(text).toContain('<value><dateTime.iso8601>19700101T00:00:00Z</dateTime.iso8601></value>')
    expect(writeXmlValue(1, { type: 'float', as: 'host' })).toBe('<value><double>1</double></value>')
    expect(writeXmlValue([Number.NaN, Infinity, -Infinity])).toMatch(/>nan<.*>inf<.*>-inf</)
  })

  test('reads a call of a client in its usual form', () => {
    const text = `<?xml version='1.0'?>
<methodCall>
<methodName>VM.set_memory_limits</methodName>
<params>
<param>
<value><string>OpaqueRef:1</string></value>
</param>
<param><value><i8>4294967296</i8></value></param>
<param><value><boolean>1</boolean></value></param>
<param><value><dateTime.iso8601>20260821T02:00:23Z</dateTime.iso8601></value></param>
<param><value><array><data>
<value><double>1.5</double></value><value>  as it is </value><value/><value><string/></value></data></array></value></param>
<param><value><struct><member><name>a</name><value><nil/></value></member></struct></value></param>
</params>
</methodCall>
`
    expect(decodeXmlRpcCall(text)).toEqual({
      method: 'VM.set_memory_limits',
      params: ['OpaqueRef:1', 2 ** 32, true, '20260821T02:00:23Z', [1.5, '  as it is ', '', ''], { a: null }],
    })
    expect(decodeXmlRpcCall('<methodCall><methodName>system.listMethods</methodName></methodCall>').params).toEqual([])
    expect(decodeXmlRpcCall('<methodCall><methodName>a</methodName><params/></methodCall>').params).toEqual([])
  })

  test('reads a bare answer and a fault', () => {
    const bare = encodeXmlRpcResponse({ ok: true, result: ['VM.start'] }, { bare: true })
    expect(decodeXmlRpcResponse(bare)).toEqual({ ok: true, result: ['VM.start'] })
    expect(decodeXmlRpcResponse(encodeXmlRpcFault(-1, 'no'))).toEqual({
      ok: false,
      code: 'Fault',
      params: ['-1', 'no'],
    })
  })

  test('resolves references and sections of text, and lets comments be', () => {
    const text = '<value><string>a&lt;&#65;&#x1F600;<![CDATA[<&>]]><!-- no -->\r\nb&quot;</string></value>'
    expect(decodeXmlRpcValue(text)).toBe('a<A😀<&>\nb"')
  })

  test.each([
    '',
    ' ',
    '<value>',
    '<value>a',
    '</value>',
    '<value/>x',
    '<value/><value/>',
    '<Value/>',
    '<value a="b"/>',
    '<value>&nbsp;</value>',
    '<value>&amp</value>',
    '<value>a & b</value>',
    '<value>&#0;</value>',
    '<value>&#xD800;</value>',
    '<value>&#99999999;</value>',
    '<value>\u0000</value>',
    '<value>\ud800</value>',
    '<value>]]></value>',
    '<value><![CDATA[</value>',
    '<value><!-- -- --></value>',
    '<value><!--',
    '<value><i4>1.5</i4></value>',
    '<value><i4></i4></value>',
    '<value><i4>99999999999999999999</i4></value>',
    '<value><double>fast</double></value>',
    '<value><boolean>true</boolean></value>',
    '<value><nil>x</nil></value>',
    '<value><hovercraft/></value>',
    '<value>x<i4>1</i4></value>',
    '<value><i4>1</i4>x</value>',
    '<value><i4>1</i4><i4>1</i4></value>',
    '<value><struct><name>a</name></struct></value>',
    '<value><struct><member><value/></member></struct></value>',
    '<value><struct><member><name>a</name></member></struct></value>',
    '<value><array><value/></array></value>',
    '<!DOCTYPE v [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><value>&b;</value>',
    '<?php evil ?><value/>',
  ])('refuses %j', (text) => expect(() => decodeXmlRpcValue(text)).toThrow(badXml))

  test.each([
    '<methodCall/>',
    '<methodCall><methodName>a</methodName>',
    '<methodResponse/>',
    '<html><body/></html>',
    '<methodCall><params/></methodCall>',
  ])('takes %j for no call and no answer', (text) => {
    expect(() => decodeXmlRpcCall(text)).toThrow(badXml)
    expect(() => decodeXmlRpcResponse(text)).toThrow(badXml)
  })

  test('refuses what is nested deeper or longer than allowed, without using up the stack', () => {
    const nested = (depth: number): string =>
      '<value><array><data>'.repeat(depth) + '</data></array></value>'.repeat(depth)
    expect(decodeXmlRpcValue(nested(64))).toHaveLength(1)
    expect(() => decodeXmlRpcValue(nested(66))).toThrow(/nested deeper/)
    expect(() => decodeXmlRpcValue('<value><array><data>'.repeat(200_000))).toThrow(/nested deeper/)
    expect(() => decodeXmlRpcValue('<value>abc</value>', { maxLength: 10 })).toThrow(/more than the 10/)
  })

  test('reads hostile documents of a megabyte in time that grows with their length only', async () => {
    const big = 'x'.repeat(1 << 20)
    expect(
      decodeXmlRpcValue(`<value><struct><member><name>${big}</name><value>1</value></member></struct></value>`),
    ).toEqual({ [big]: '1' })
    const cpuTime = await cpuTimeOf(() => {
      for (const unit of ['&', '<', '<!--', '&#', '<![CDATA[', '<value>', ']]', '&amp;', '<a']) {
        const text = `<value>${unit.repeat(Math.ceil((1 << 20) / unit.length))}`
        expect(() => decodeXmlRpcValue(text)).toThrow(badXml)
      }
    })
    expect(cpuTime).toBeLessThan(5000)
  })
})

describe('results of tasks', () => {
  test.each<[string, string, unknown]>([
    ['<value>OpaqueRef:1</value>', 'ref:VM', 'OpaqueRef:1'],
    ['<value><array><data><value>OpaqueRef:1</value></data></array></value>', 'set(ref:VM)', ['OpaqueRef:1']],
    ['<value></value>', 'void', undefined],
    ['<value>1152921504606846976</value>', 'int', 2n ** 60n],
    ['<value><boolean>1</boolean></value>', 'bool', true],
    ['<value><double>nan</double></value>', 'float', Number.NaN],
    ['<value><dateTime.iso8601>19700101T00:00:01Z</dateTime.iso8601></value>', 'datetime', 1000],
    ['<value><struct><member><name>a</name><value>1</value></member></struct></value>', 'map(string,int)', { a: 1 }],
  ])('read %s as %s', (text, type, result) => {
    expect(decodeTaskResult(text, type)).toEqual(result)
    expect(decodeTaskResult(encodeTaskResult(result, type), type)).toEqual(result)
  })

  test('are nothing when the text is empty', () => expect(decodeTaskResult('', 'void')).toBeUndefined())

  test('are raw without a type', () => expect(decodeTaskResult('<value>17</value>')).toBe('17'))
})

function failureOf(work: () => unknown): unknown {
  try {
    work()
    return undefined
  } catch (error) {
    return error
  }
}

/** The same reading from the tree of another parser. */
function independent(element: XmlElement | null): unknown {
  if (element?.name !== 'value') throw new TypeError('no value')
  const [typed] = elements(element)
  if (!typed) return element.text
  switch (typed.name) {
    case 'array':
      return elements(elements(typed)[0]!).map(independent)
    case 'struct': {
      const entries = elements(typed).map(
        (member) => [elements(member)[0]!.text, independent(elements(member)[1]!)] as const,
      )
      return Object.fromEntries(entries)
    }
    case 'boolean':
      return typed.text === '1'
    case 'nil':
      return null
    case 'double':
      return typed.text === 'nan'
        ? Number.NaN
        : typed.text.includes('inf')
          ? Number(typed.text.replace('inf', 'Infinity'))
          : Number(typed.text)
    default:
      return Number.isSafeInteger(Number(typed.text)) ? Number(typed.text) : BigInt(typed.text)
  }
}

function elements(element: XmlElement): XmlElement[] {
  for (const child of element.children)
    if (!(child instanceof XmlElement) && !(child instanceof XmlText)) throw new TypeError('unexpected node')
  return element.children.filter((child) => child instanceof XmlElement)
}
