import { commonFlags, lazyCommand, type CommonFlags } from '../command.ts'
import { scripts, type Shell } from './scripts.ts'

/** `nixen completion` */
export const completionRoute = lazyCommand<CommonFlags, [Shell]>(
  async () => async (context, _flags, shell) => {
    context.process.stdout.write(scripts[shell])
  },
  {
    parameters: {
      flags: commonFlags,
      positional: {
        kind: 'tuple',
        parameters: [{ brief: 'bash, zsh or fish', parse: shellParser, placeholder: 'SHELL' }],
      },
    },
    docs: {
      brief: 'Print what makes a shell complete commands, flags, names and queries',
      fullDescription: `Prints a script for the shell. To have it in each new one:
  bash:  nixen completion bash > ~/.local/share/bash-completion/completions/nixen
  zsh:   nixen completion zsh > "\${fpath[1]}/_nixen"
  fish:  nixen completion fish > ~/.config/fish/completions/nixen.fish`,
    },
  },
)

function shellParser(text: string): Shell {
  if (text === 'bash' || text === 'zsh' || text === 'fish') return text
  throw new SyntaxError(`"${text}" is no shell that Nixen knows: bash, zsh or fish.`)
}
