// Makes docs/reference/cli.md from the commands themselves. --verify: fails when the committed page differs.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { generateHelpTextForAllCommands, type Application, type CommandContext } from '@stricli/core'
import { nixenApp, routesFor } from '../src/app.ts'
import { rootHelp } from '../src/help.ts'

const target = fileURLToPath(new URL('../../../docs/reference/cli.md', import.meta.url))
const routes = await routesFor([])
const commands = generateHelpTextForAllCommands(
  // Help needs no context, which is all that the two types differ in.
  nixenApp({}, routes) as unknown as Application<CommandContext>,
)
const page = `# The \`nixen\` command

Made from the commands by \`npm run gen\`. Commands about what a server has come from the contract (openapi.json): what the API can, the command line can.

\`\`\`text
${rootHelp(routes)}
\`\`\`

## Which server

The first of these that is there:

1. \`--profile NAME\` or \`NIXEN_PROFILE\`: a profile that \`nixen login\` made; \`local\` is the server on this machine
2. \`NIXEN_URL\` with the API token in \`NIXEN_TOKEN\`, and \`NIXEN_FINGERPRINT\` when no known authority signed the certificate
3. the profile in use: the one that logged in last, or that \`nixen profile use\` chose
4. the server on this machine, by the unix socket \`run/socket\` in its state directory (\`NIXEN_STATE_DIR\`)

The socket lies in a folder of mode 0700: only the user who runs the server, and root, can open it, and both could change the database as well. Whoever comes in there is
the user \`local\` in the audit log and may do everything, but has no account: no password, no tokens. Profiles are in \`nixen/profiles.json\` of the configuration
directory (\`XDG_CONFIG_HOME\`, \`~/.config\`), mode 0600, each with an API token and, if you said so when you logged in, the fingerprint of the certificate: the
token is sent to no other server.

## Names and values

An object is named by its id, by the id of its provider, by its name if only one has it, or by \`POOL/NAME\`. A name that several have is an error that lists them.

| value | written |
| --- | --- |
| size | \`8GiB\`, \`512M\`, \`4096\` |
| time | \`2026-01-31\`, \`2026-01-31T10:00\` (UTC, or with a zone behind), \`now\`, \`+30d\` from now on, \`--flag=-7d\` ago |
| duration | \`90s\`, \`1h30m\`, \`2w\` |
| share | \`80%\`, \`0.8\` |
| list | the flag again for each; once with an empty text for an empty list |
| fields | \`size=8GiB,name=data\`, or JSON |
| nothing | an empty text, where nothing is possible |
| secret | \`--password-file FILE\`, \`-\` for standard input; asked for on a terminal; never on the command line |

## Output

A table or lines for people; with \`--json\` the answer of the API as one JSON object on stdout, and progress as JSON lines on stderr. Lists come whole, whatever their length;
\`--limit\` says where to stop (then \`next\` is for \`--cursor\`). What takes a while is followed until it is done; Ctrl-C stops to wait, and the task goes on. \`--no-wait\` only
prints the task, for \`nixen task wait\`.

Exit codes: 0 done; 1 failed, with one sentence and a code in brackets on stderr (docs/reference/errors.md); 2 wrong use; 3 done and the answer is no (images differ, something is
damaged, the doctor found a problem); 128 + n ended by signal n. \`NIXEN_DEBUG=1\` adds where a failure came from.

| variable | means |
| --- | --- |
| \`NIXEN_STATE_DIR\` | the state directory of the server on this machine |
| \`NIXEN_PROFILE\` | the profile, when \`--profile\` is left out |
| \`NIXEN_URL\`, \`NIXEN_TOKEN\`, \`NIXEN_FINGERPRINT\` | a server without a profile |
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
