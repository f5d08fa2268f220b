// What every page does by script: menus, the drawer, dialogs, typed confirmations. Each works on attributes,
// so a page needs no script of its own.
import { watchDialogs } from "./dialogs.js";
import { watchDrawer } from "./drawer.js";
import { watchForms } from "./forms.js";
import { watchMenus } from "./menus.js";
import { watchTheme } from "./theme-choice.js";

watchMenus();
watchDrawer();
watchDialogs();
watchForms();
watchTheme();
