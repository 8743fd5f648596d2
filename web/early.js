/* Runs before the first paint: the chosen theme, which part is on view, and whether the list is hidden, so that nothing
 * flashes. */
(function() {
var root = document.documentElement;
try {
  var theme = localStorage.getItem('loam.theme');
  if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
  if (localStorage.getItem('loam.side') === 'closed') root.dataset.side = 'closed';
} catch (e) {
  /* storage is blocked: the system's theme it is */
}
root.dataset.view = /^#pictures(\/|$)/.test(location.hash) ? 'pictures' : 'chat';
})();
