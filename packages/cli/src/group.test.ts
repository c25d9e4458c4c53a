import { describe, expect, test } from 'vitest'
import { routesFor } from './app.ts'

const formatting = {
  config: { useAliasInUsageLine: false, onlyRequiredInUsageLine: true, caseStyle: 'convert-camel-to-kebab' },
  ansiColor: false,
} as const

describe('the help of a group', () => {
  test('has each command once, with what it takes and what it does', async () => {
    const { vm } = await routesFor([])
    const help = vm?.formatHelp({
      ...formatting,
      prefix: ['nixen', 'vm'],
      // Words of the library's own pages, which a list does not need.
      text: {} as never,
      additionalFlags: [],
      includeArgumentEscapeSequenceFlag: false,
      includeHidden: false,
    })
    const lines = help?.split('\n') ?? []
    expect(lines.slice(0, 4)).toEqual(['Virtual machines', '', 'USAGE', '  nixen vm COMMAND [FLAGS]'])
    expect(lines.filter((line) => /^ {2}start /.test(line))).toEqual([
      expect.stringMatching(/^ {2}start <VM> +Start a VM$/),
    ])
  })
})
