// Makes docs/reference/cli.md from the commands themselves. --verify: fails when the committed page differs.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { generateHelpTextForAllCommands, type Application, type CommandContext } from '@stricli/core'
import { nixenApp } from '../src/app.ts'

const target = fileURLToPath(new URL('../../../docs/reference/cli.md', import.meta.url))
const commands = generateHelpTextForAllCommands(
  // Help needs no context, which is all that the two types differ in.
  nixenApp({}) as unknown as Application<CommandContext>,
)
const page = `# The \`nixen\` command

Made from the commands by \`npm run gen\`.

Exit codes: 0 done; 1 failed, with one sentence and a code in brackets on stderr; 2 wrong use; 3 done and the answer is no (images differ, something is damaged); 128 + n
ended by signal n. \`--json\` prints one JSON object on stdout and progress as JSON lines on stderr. \`NIXEN_DEBUG=1\` adds where a failure came from.

| variable | means |
| --- | --- |
| \`NIXEN_REPO\` | the repository, when \`--repo\` is left out |
| \`NIXEN_REPO_PASSWORD\` | its password, when \`--password-file\` is left out |
| \`NIXEN_REPO_NEW_PASSWORD\` | the new password of \`nixen repo key add\` and \`passwd\` |
| \`NIXEN_XAPI_PASSWORD\` | the password of the pool in \`nixen toolstack record\` |

${commands.map(([route, text]) => `## ${route}\n\n\`\`\`text\n${text.trim().replaceAll(/[ \t]+$/gm, '')}\n\`\`\``).join('\n\n')}
`

if (!process.argv.includes('--verify')) writeFileSync(target, page)
else if (readCommitted() !== page) {
  console.error('docs/reference/cli.md is not what the commands say. Run "npm run gen" and commit it.')
  process.exitCode = 1
}

function readCommitted(): string {
  try {
    return readFileSync(target, 'utf8')
  } catch {
    // A page that is missing differs, too.
    return ''
  }
}
