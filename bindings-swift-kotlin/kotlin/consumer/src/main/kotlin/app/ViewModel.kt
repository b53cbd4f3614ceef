package app

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob

/** Of `androidx.lifecycle.ViewModel` what the README's app calls, so that it is compiled here without Android. */
abstract class ViewModel {
    val viewModelScope: CoroutineScope = CoroutineScope(SupervisorJob() + Dispatchers.Default)

    protected open fun onCleared() = Unit
}
