import { type Request, type Response, Router } from 'express';
import { describeFaults, type InputFaults } from '../input-faults.ts';
import type { Parts } from '../parts.ts';
import { defaultSettings, settingNames, settingsChangeSchema, settingTable } from '../settings.ts';
import { inputOf, sendDone, sendFormPage, sendRefusal, wantsPage } from './page-or-json.ts';

const page = '/simulator/settings';

/** What nobody knows about Dojo, to choose from. A change holds from the next call on. */
export function createSettingsRouter({ settings, changeSettings }: Parts): Router {
  const router = Router();

  router.get('/', (request, response) => {
    if (wantsPage(request)) sendSettings(request, response);
    else response.json(settings());
  });

  const change = (request: Request, response: Response) => {
    const parsed = settingsChangeSchema.safeParse(inputOf(request));
    if (!parsed.success) {
      const faults = describeFaults(parsed.error, settingNames);
      return sendRefusal(request, response, faults, () => sendSettings(request, response, faults));
    }
    changeSettings(parsed.data);
    sendDone(request, response, { page, says: 'saved', json: settings() });
  };
  router.patch('/', change);
  router.post('/', change);

  const restore = (request: Request, response: Response) => {
    changeSettings(defaultSettings);
    sendDone(request, response, { page, says: 'saved', json: settings() });
  };
  router.delete('/', restore);
  router.post('/defaults', restore);

  function sendSettings(request: Request, response: Response, faults?: InputFaults): void {
    sendFormPage(request, response, {
      name: 'control-settings',
      title: 'Settings',
      faults,
      labels: Object.fromEntries(settingNames.map((name) => [name, name])),
      whole: 'settings',
      page: {
        settings: settingNames.map((name) => ({
          name,
          question: settingTable[name].question,
          reason: settingTable[name].reason,
          isChanged: settings()[name] !== defaultSettings[name],
          choices: settingTable[name].choices.map((choice) => ({
            choice,
            isChosen: settings()[name] === choice,
            isDefault: defaultSettings[name] === choice,
          })),
        })),
      },
    });
  }

  return router;
}
