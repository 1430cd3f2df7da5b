<?php
// Nobody browses this folder.
header('Location: ../');
exit;
