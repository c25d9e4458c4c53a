import { buildApplication, buildRouteMap, text_en, type Application } from '@stricli/core'
import type { NixenContext } from './context.ts'
import { diskRoutes } from './disk/routes.ts'
import { repoRoutes } from './repo/routes.ts'
import { serveRoute } from './serve/route.ts'
import { stateRoutes } from './state/routes.ts'
import { toolstackRoutes } from './toolstack/route.ts'
import { nixenVersion } from './version.ts'
import { describeFailure, describeUsageFailure, exitCodeOf } from './failure.ts'

/** Every verb of `nixen`. Commands load their code when they run, so that `nixen --help` is quick. */
export function nixenApp(env: Readonly<Record<string, string | undefined>>): Application<NixenContext> {
  const root = buildRouteMap<string, NixenContext>({
    routes: { serve: serveRoute, state: stateRoutes, disk: diskRoutes, repo: repoRoutes, toolstack: toolstackRoutes },
    docs: { brief: 'Virtual machines on Xen and KVM hosts, and their backups' },
  })
  const describe = (error: unknown): string => describeFailure(error, env)
  return buildApplication(root, {
    name: 'nixen',
    versionInfo: { currentVersion: nixenVersion },
    determineExitCode: exitCodeOf,
    scanner: { caseStyle: 'allow-kebab-for-camel' },
    documentation: { caseStyle: 'convert-camel-to-kebab', onlyRequiredInUsageLine: true, disableAnsiColor: true },
    localization: {
      text: {
        ...text_en,
        exceptionWhileParsingArguments: (error) => describeUsageFailure(error, env),
        exceptionWhileRunningCommand: describe,
        commandErrorResult: describe,
        exceptionWhileLoadingCommandFunction: describe,
      },
    },
  })
}
