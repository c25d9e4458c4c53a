import type { ReactNode } from 'react'
import { chooseLocale, languageNames, locale, type Locale } from '../../i18n/locale.ts'
import { settingsText as t } from '../../i18n/settings.ts'
import { shell } from '../../i18n/shell.ts'
import { choosePreferences, densities, preferences, type Density } from '../../shell/preferences.ts'
import { chooseTheme, theme, themes, type Theme } from '../../shell/theme.ts'
import { SelectField } from '../../ui/field.tsx'
import { useValue } from '../../value.ts'
import { SettingsFrame } from './frame.tsx'

/** What this browser shows, and how. */
export function BrowserPage(): ReactNode {
  const chosen = useValue(theme)
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone
  return (
    <SettingsFrame title={t.appearance}>
      <div className="bg-panel border-line grid max-w-xl gap-4 rounded-lg border p-5">
        <p className="text-muted">{t.browserHelp}</p>
        {/* Each value is one of the options beside it. */}
        <SelectField label={t.theme} value={chosen} onChange={({ target }) => chooseTheme(target.value as Theme)}>
          {themes.map((one) => (
            <option key={one} value={one}>
              {shell.themes[one]}
            </option>
          ))}
        </SelectField>
        <SelectField
          label={t.language}
          value={locale}
          onChange={({ target }) => chooseLocale(target.value === '' ? undefined : (target.value as Locale))}
        >
          <option value="">{t.languageBrowser}</option>
          {Object.entries(languageNames).map(([id, name]) => (
            <option key={id} value={id} translate="no" lang={id}>
              {name}
            </option>
          ))}
        </SelectField>
        <SelectField
          label={t.density}
          value={preferences.density}
          onChange={({ target }) => choosePreferences({ density: target.value as Density })}
        >
          {densities.map((one) => (
            <option key={one} value={one}>
              {t.densities[one]}
            </option>
          ))}
        </SelectField>
        <SelectField
          label={t.timeZone}
          value={preferences.timeZone ?? ''}
          onChange={({ target }) => choosePreferences({ timeZone: target.value === '' ? undefined : target.value })}
        >
          <option value="">{t.timeZoneBrowser({ zone })}</option>
          {Intl.supportedValuesOf('timeZone').map((name) => (
            <option key={name} value={name} translate="no">
              {name}
            </option>
          ))}
        </SelectField>
        <SelectField
          label={t.unitsOf}
          value={preferences.units}
          onChange={({ target }) => choosePreferences({ units: target.value === 'decimal' ? 'decimal' : 'binary' })}
        >
          <option value="binary">{t.unitsBinary}</option>
          <option value="decimal">{t.unitsDecimal}</option>
        </SelectField>
      </div>
    </SettingsFrame>
  )
}
