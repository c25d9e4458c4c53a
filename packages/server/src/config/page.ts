import { formatDuration } from '@nixen/core'
import { flagOf, settingKeys, settingSpecs, variableOf, type SettingKey } from './settings.ts'

/** The page docs/reference/configuration.md. */
export function configurationPage(): string {
  return `# Configuration

Each value comes from the strongest place that has it: a flag of \`nixen serve\`, a variable of the environment, the TOML file (\`--config\`), the
settings in the console, the default. What is set from outside is read-only in the console. An unknown key is an error, wherever it
stands.

In the file \`server.port\` is \`port\` in the table \`[server]\`; lists are TOML lists there, and text with commas in flags and variables.

| key | flag | variable | default |
| --- | --- | --- | --- |
${settingKeys.map((key) => `| [\`${key}\`](#${key.replaceAll('.', '')}) | \`${flagOf(key)}=…\` | \`${variableOf(key)}\` | ${defaultText(key)} |`).join('\n')}

${settingKeys.map((key) => section(key)).join('\n')}`
}

function section(key: SettingKey): string {
  const { doc, outside = false, restart } = settingSpecs[key]
  const only = outside ? ' It cannot be set in the console.' : ''
  return `## ${key}\n\n${doc}${only} A change is used ${restart ? 'after the next start' : 'at once'}.\n`
}

function defaultText(key: SettingKey): string {
  const { default: value } = settingSpecs[key]
  if (key.startsWith('session.') && typeof value === 'number') return `\`${formatDuration(value)}\``
  if (Array.isArray(value)) return 'none'
  return value === '' ? 'none' : `\`${String(value)}\``
}
